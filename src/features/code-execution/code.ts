import { stripVTControlCharacters } from 'node:util';

const FENCE = /^\s*```[\w+-]*[ \t]*\r?\n([\s\S]*?)\r?\n?```\s*$/;

/** Code as a model wrote it, without the fence around it and colour codes in it. */
export function cleanCode(code: string): string {
  const plain = stripVTControlCharacters(code);
  return FENCE.exec(plain)?.[1] ?? plain;
}

/** Code that cannot import these modules itself; what others import for their own work stays possible. */
export function guardImports(code: string, blocked: readonly string[]): string {
  const names = blocked.map((name) => name.trim()).filter((name) => /^[\w.]+$/.test(name));
  if (names.length === 0) return code;
  return `import builtins as _builtins
def _guard(real=_builtins.__import__, blocked=frozenset(${JSON.stringify(names)})):
    def guarded(name, globals=None, locals=None, fromlist=(), level=0):
        own = (globals or {}).get("__name__") == "__main__"
        parts = name.split(".")
        if own and any(".".join(parts[:n]) in blocked for n in range(1, len(parts) + 1)):
            raise ImportError("Importing " + name + " is not allowed here.")
        return real(name, globals, locals, fromlist, level)
    _builtins.__import__ = guarded
_guard()
del _guard, _builtins
${code}`;
}
