// Before the first test: the binary under test is there.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { binary, repository } from './server.mjs';

export default function setup() {
  if (existsSync(binary) && existsSync(join(repository, 'dist/www/widget.js'))) return;
  console.log('the server has not been built yet: cargo xtask build');
  const build = spawnSync('cargo', ['xtask', 'build'], { cwd: repository, stdio: 'inherit' });
  if (build.status !== 0) throw new Error('cargo xtask build failed');
}
