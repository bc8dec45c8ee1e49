import type { Route } from './route.ts';

/** Answers which methods a path has routes for. */
export interface MethodIndex {
  /** Methods with a route for this path (without query), empty when the path is unknown. */
  methodsFor(path: string): string[];
}

/** Built on the first unmatched request only: most servers never need it. */
export function createMethodIndex(routes: readonly Route[]): MethodIndex {
  let patterns: { pattern: RegExp; methods: string[] }[] | undefined;
  return {
    methodsFor(path) {
      patterns ??= routes.map((one) => ({ pattern: toPattern(one.url), methods: one.methods }));
      const found = patterns.filter(({ pattern }) => pattern.test(path)).flatMap(({ methods }) => methods);
      return [...new Set(found)].sort();
    },
  };
}

function toPattern(url: string): RegExp {
  const source = url
    .replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll(/:\w+/g, '[^/]+');
  return new RegExp(`^${source}$`);
}
