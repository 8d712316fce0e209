// The link of one dialog: the same WebAssembly client as the visitor's, without its user interface.

import init, { connect } from '__REJOIN_LINK__';

let loaded;

/** Opens an operator's link; `changed(view)` is called with the first view and after each change. */
export async function openLink({ dialogId, token, changed, credentialsNeeded }) {
  loaded ??= init({ module_or_path: '__REJOIN_LINK_WASM__' });
  try {
    await loaded;
  } catch (error) {
    loaded = undefined; // The next dialog tries again.
    throw error;
  }
  const options = { baseUrl: location.origin, side: 'operator', dialogId, token };
  const link = await connect(options, () => link && changed(link.view()));
  link.on('credentials_needed', credentialsNeeded);
  changed(link.view());
  return link;
}
