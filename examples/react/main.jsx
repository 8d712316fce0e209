import { StrictMode, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { Chat } from './Chat.jsx';

const { base = 'https://chat.example.com', token = 'st_demo' } = Object.fromEntries(new URLSearchParams(location.search));

function App() {
  const [page, turn] = useState('shop');
  const [unread, setUnread] = useState(0);
  return (
    <>
      <nav>
        {['shop', 'help', 'quiet'].map((name) => (
          <button key={name} onClick={() => turn(name)}>{name}</button>
        ))}
      </nav>
      <p>Not read yet: <output>{unread}</output></p>
      {page === 'shop' && <Chat baseUrl={base} siteToken={token} onUnread={setUnread} />}
      {page === 'help' && <Chat baseUrl={base} siteToken={token} onUnread={setUnread} inline />}
    </>
  );
}

createRoot(document.getElementById('app')).render(<StrictMode><App /></StrictMode>);
