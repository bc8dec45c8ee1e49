/** One problem of a validated input, in the shape API clients know (configuration note, 20.3). */
export interface ValidationItem {
  type: string;
  loc: (string | number)[];
  msg: string;
  input: unknown;
  ctx?: Record<string, unknown>;
}

export interface HttpErrorOptions {
  /** Stable machine name of the condition, for logs and tests; never sent. */
  code?: string;
  cause?: unknown;
  headers?: Record<string, string>;
  /** Sent in place of `{ "detail": … }`: a text as text, anything else as JSON. For answers of other servers. */
  body?: unknown;
}

/** An answer other than success: `{ "detail": detail }` with `status`. */
export class HttpError extends Error {
  readonly status: number;
  readonly detail: unknown;
  readonly code: string | undefined;
  readonly headers: Record<string, string> | undefined;
  readonly body: unknown;

  constructor(status: number, detail: unknown, options: HttpErrorOptions = {}) {
    super(typeof detail === 'string' ? detail : `HTTP ${status}`, { cause: options.cause });
    this.name = 'HttpError';
    this.status = status;
    this.detail = detail;
    this.code = options.code;
    this.headers = options.headers;
    this.body = options.body;
  }
}

/** 422 with one item per problem. */
export class ValidationError extends HttpError {
  readonly items: ValidationItem[];
  constructor(items: ValidationItem[]) {
    super(422, items, { code: 'validation' });
    this.name = 'ValidationError';
    this.items = items;
  }
}

/** Wire texts that clients compare or show (configuration note, 20.4; identity note, 0.1). */
export const detail = {
  DEFAULT: 'Something went wrong :/',
  CREATE_USER_ERROR:
    'Oops! Something went wrong while creating your account. Please try again later. If the issue persists, contact support for assistance.',
  DELETE_USER_ERROR:
    'Oops! Something went wrong. We encountered an issue while trying to delete the user. Please give it another shot.',
  EMAIL_MISMATCH:
    'Uh-oh! This email does not match the email your provider is registered with. Please check your email and try again.',
  EMAIL_TAKEN:
    'Uh-oh! This email is already registered. Sign in with your existing account or choose another email to start anew.',
  USERNAME_TAKEN: 'Uh-oh! This username is already registered. Please choose another username.',
  PASSWORD_TOO_LONG:
    'Uh-oh! The password you entered is too long. Please make sure your password is less than 72 bytes long.',
  COMMAND_TAKEN: 'Uh-oh! This command is already registered. Please choose another command string.',
  FILE_EXISTS: 'Uh-oh! This file is already registered. Please choose another file.',
  ID_TAKEN: 'Uh-oh! This id is already registered. Please choose another id string.',
  MODEL_ID_TAKEN: 'Uh-oh! This model id is already registered. Please choose another model id string.',
  NAME_TAG_TAKEN: 'Uh-oh! This name tag is already registered. Please choose another name tag string.',
  MODEL_ID_TOO_LONG: 'The model id is too long. Please make sure your model id is less than 256 characters long.',
  INVALID_TOKEN: 'Your session has expired or the token is invalid. Please sign in again.',
  INVALID_CRED: 'The email or password provided is incorrect. Please check for typos and try logging in again.',
  OAUTH_LOGIN_FAILED: 'Sign-in with your identity provider failed. Please contact your administrator for assistance.',
  INVALID_EMAIL_FORMAT:
    "The email format you entered is invalid. Please double-check and make sure you're using a valid email address (e.g., yourname@example.com).",
  INCORRECT_PASSWORD: 'The password provided is incorrect. Please check for typos and try again.',
  INVALID_TRUSTED_HEADER:
    'Your provider has not provided a trusted header. Please contact your administrator for assistance.',
  EXISTING_USERS:
    "You can't turn off authentication because there are existing users. If you want to disable WEBUI_AUTH, make sure your web interface doesn't have any existing users and is a fresh installation.",
  UNAUTHORIZED: '401 Unauthorized',
  NOT_AUTHENTICATED: 'Not authenticated',
  ACCESS_PROHIBITED:
    'You do not have permission to access this resource. Please contact your administrator for assistance.',
  ACTION_PROHIBITED: 'The requested action has been restricted as a security measure.',
  FILE_NOT_SENT: 'FILE_NOT_SENT',
  FILE_NOT_SUPPORTED:
    "Oops! It seems like the file format you're trying to upload is not supported. Please upload a file with a supported format and try again.",
  NOT_FOUND: "We could not find what you're looking for :/",
  USER_NOT_FOUND: "We could not find what you're looking for :/",
  API_KEY_NOT_FOUND:
    "Oops! It looks like there's a hiccup. The API key is missing. Please make sure to provide a valid API key to access this feature.",
  API_KEY_NOT_ALLOWED: 'Use of API key is not enabled in the environment.',
  MALICIOUS: 'Unusual activities detected, please try again in a few minutes.',
  RATE_LIMIT_EXCEEDED: 'API rate limit exceeded',
  OPENAI_NOT_FOUND: 'OpenAI API was not found',
  OLLAMA_NOT_FOUND: 'WebUI could not connect to Ollama',
  CREATE_API_KEY_ERROR:
    'Oops! Something went wrong while creating your API key. Please try again later. If the issue persists, contact support for assistance.',
  API_KEY_CREATION_NOT_ALLOWED: 'API key creation is not allowed in the environment.',
  EMPTY_CONTENT: 'The content provided is empty. Please ensure that there is text or data present before proceeding.',
  DB_NOT_SQLITE: 'This feature is only available with SQLite databases.',
  INVALID_URL: 'The URL you provided is invalid. Please double-check and try again.',
  WEB_SEARCH_ERROR: 'Something went wrong while searching the web.',
  OLLAMA_API_DISABLED: 'The Ollama API is disabled. Please enable it to use this feature.',
  DUPLICATE_CONTENT: 'Duplicate content detected. Please provide unique content to proceed.',
  FILE_NOT_PROCESSED:
    'Extracted content is not available for this file. Please ensure that the file is processed before proceeding.',
  INVALID_PASSWORD: 'The password does not meet the required validation criteria.',
  SERVER_CONNECTION_ERROR: 'Open WebUI: Server Connection Error',
} as const;

/** `[ERROR: text]`, or the general text when there is nothing to say. */
export function wrapped(text: string): string {
  return text ? `[ERROR: ${text}]` : detail.DEFAULT;
}

export function notFound(text: string = detail.NOT_FOUND): HttpError {
  return new HttpError(404, text);
}

export function forbidden(text: string = detail.ACCESS_PROHIBITED): HttpError {
  return new HttpError(403, text);
}

/** The reference answers role and ownership failures with 401; clients rely on it (configuration note, 20.2). */
export function prohibited(): HttpError {
  return new HttpError(401, detail.ACCESS_PROHIBITED);
}
