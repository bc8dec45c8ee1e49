import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { it } from 'node:test';
import { isGone, thisProcess } from './process-identity.ts';

it('tells a process that lives from one that is gone', async () => {
  const self = thisProcess();
  assert.equal(isGone(self, self.place), false);
  const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  await once(child, 'spawn');
  const pid = child.pid ?? 0;
  assert.equal(isGone({ place: self.place, pid, birth: '' }, self.place), false);
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(isGone({ place: self.place, pid, birth: '' }, self.place), true);
});

it('does not take another process with the same number for it', { skip: process.platform !== 'linux' }, () => {
  const self = thisProcess();
  assert.equal(isGone({ ...self, birth: '1' }, self.place), true);
});

it('says nothing about processes it cannot see', () => {
  const self = thisProcess();
  assert.equal(isGone({ place: 'another machine', pid: 999_999_999, birth: '1' }, self.place), false);
});
