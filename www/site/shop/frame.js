// The plain iframe must name the page that holds it, and this demo runs at any address: so the address is filled in here.
// A real page writes its own origin into `src` and needs no script at all.
const origin = encodeURIComponent(location.origin);
document.getElementById('origin').textContent = origin;
document.getElementById('chat').src = `/embed?assistant_id=3&parent_origin=${origin}`;
