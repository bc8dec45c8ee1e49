import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Who this process is, in a form other processes can check. */
export interface ProcessIdentity {
  id: string;
  /** The process table `pid` is looked up in: a boot of a machine, and the container within it. */
  place: string;
  pid: number;
  /** When the operating system started it; `''` where that cannot be told. */
  birth: string;
}

export function thisProcess(): ProcessIdentity {
  return { id: randomUUID(), place: placeOf(), pid: process.pid, birth: birthOf(process.pid) ?? '' };
}

/** Whether a process is certainly gone. False when it lives, or when this process cannot see its process table. */
export function isGone(other: Pick<ProcessIdentity, 'place' | 'pid' | 'birth'>, place: string): boolean {
  if (other.place !== place) return false;
  try {
    process.kill(other.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
  return other.birth !== '' && birthOf(other.pid) !== other.birth;
}

/** Processes with the same text see each other's numbers. */
function placeOf(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    // No Linux: one process table for the whole machine.
    return hostname();
  }
}

/** Start of a process in ticks since the boot; null where it is not known or the process is gone. */
function birthOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie holds its number but does nothing more.
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
}
