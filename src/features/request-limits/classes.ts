import type { Route } from '../../kernel/http/route.ts';

/** Kinds of calls that cost much, and are limited together. */
export type CallClass = 'COMPLETIONS' | 'MEDIA' | 'UPLOADS' | 'SEARCHES' | 'TRANSFERS' | 'SIGN_IN';

interface Rule {
  class: CallClass;
  /** Of which methods; default: all. */
  posts?: true;
  url: RegExp;
}

/** The first rule that fits a route's declared address decides. New routes of a kind fall under it by their names. */
const RULES: readonly Rule[] = [
  { class: 'SIGN_IN', posts: true, url: /^\/api\/v1\/auths\/(?:signin|signup|ldap|oauth\/.*token\/exchange)$/ },
  { class: 'SIGN_IN', posts: true, url: /^\/api\/v1\/auths\/mfa\/(?:verify$|recover$|enroll\/)/ },
  { class: 'MEDIA', posts: true, url: /^\/api\/v1\/images\/|^\/(?:api\/v1|openai)\/audio\// },
  {
    class: 'UPLOADS',
    posts: true,
    url: /^\/api\/v1\/files\/$|^\/api\/v1\/retrieval\/process|\/files?\/(?:add|update|batch\/add)$|\/upload$/,
  },
  { class: 'TRANSFERS', url: /\/(?:export|import|clone|fork|download)(?:$|\/)|^\/api\/v1\/chats\/all(?:\/archived)?$/ },
  { class: 'SEARCHES', url: /\/(?:search|query|stats)(?:$|\/)/ },
  {
    class: 'COMPLETIONS',
    posts: true,
    url: /completions|\/embed(?:dings)?(?:$|\/)|\/responses|\/messages?(?:$|\/completions$)/,
  },
  { class: 'COMPLETIONS', posts: true, url: /^\/ollama\/api\/(?:chat|generate)|^\/api\/chat\/actions\// },
];

/** The class of a route; null: it is not limited. What only administrators have is theirs to overdo. */
export function classOf({ url, methods, access }: Pick<Route, 'url' | 'methods' | 'access'>): CallClass | null {
  if (access.kind === 'admin') return null;
  const posts = methods.some((method) => method !== 'GET' && method !== 'HEAD');
  return RULES.find((rule) => rule.url.test(url) && (posts || !rule.posts))?.class ?? null;
}
