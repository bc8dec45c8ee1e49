import { isObject, type JsonObject } from '../../../kernel/json.ts';

/** Tokens of thought for the words of `reasoning_effort`, as Google's own compatible endpoint has them. */
const THOUGHTS: Record<string, number> = { none: 0, minimal: 512, low: 1_024, medium: 8_192, high: 24_576 };

/** A chat completion request as `generateContent` takes it. What Gemini has no word for is left out. */
export function geminiRequest(body: JsonObject): JsonObject {
  const messages = (Array.isArray(body.messages) ? body.messages : []).filter(isObject);
  const isSystem = ({ role }: JsonObject) => role === 'system' || role === 'developer';
  const system = messages.filter(isSystem).flatMap(({ content }) => partsOf(content));
  const tools = toolsOf(body.tools);
  const choice = toolChoice(body.tool_choice);
  const config = generationConfig(body);
  return {
    contents: contentsOf(messages.filter((message) => !isSystem(message))),
    ...(system.length > 0 && { systemInstruction: { parts: system } }),
    ...(tools.length > 0 && { tools }),
    ...(tools.length > 0 && choice && { toolConfig: { functionCallingConfig: choice } }),
    ...(Object.keys(config).length > 0 && { generationConfig: config }),
    ...(Array.isArray(body.safety_settings) && { safetySettings: body.safety_settings }),
  };
}

function contentsOf(messages: readonly JsonObject[]): JsonObject[] {
  const names = new Map<unknown, unknown>();
  const contents: { role: string; parts: JsonObject[] }[] = [];
  for (const message of messages) {
    const calls = Array.isArray(message.tool_calls) ? message.tool_calls.filter(isObject) : [];
    for (const call of calls) if (isObject(call.function)) names.set(call.id, call.function.name);
    const role = message.role === 'assistant' ? 'model' : 'user';
    const parts =
      message.role === 'tool'
        ? [functionResponse(message, names.get(message.tool_call_id))]
        : [...partsOf(message.content), ...calls.flatMap(functionCall)];
    if (parts.length === 0) continue;
    // Answers of calls made at once have to come as one turn, and turns have to alternate.
    const last = contents.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts });
  }
  return contents;
}

function partsOf(content: unknown): JsonObject[] {
  if (typeof content === 'string') return content === '' ? [] : [{ text: content }];
  if (!Array.isArray(content)) return [];
  return content.filter(isObject).flatMap((part): JsonObject[] => {
    if (part.type === 'text' && typeof part.text === 'string' && part.text !== '') return [{ text: part.text }];
    if (part.type === 'image_url') return fileOf(isObject(part.image_url) ? part.image_url.url : part.image_url);
    if (part.type === 'input_audio' && isObject(part.input_audio)) {
      const { data, format } = part.input_audio;
      return typeof data === 'string' ? [{ inlineData: { mimeType: `audio/${String(format ?? 'wav')}`, data } }] : [];
    }
    return [];
  });
}

function fileOf(url: unknown): JsonObject[] {
  if (typeof url !== 'string' || url === '') return [];
  const [, mimeType, data] = /^data:([^;,]+)[^,]*;base64,(.*)$/s.exec(url) ?? [];
  if (mimeType && data) return [{ inlineData: { mimeType, data } }];
  return url.startsWith('data:') ? [] : [{ fileData: { fileUri: url } }];
}

function functionCall(call: JsonObject): JsonObject[] {
  if (!isObject(call.function)) return [];
  const { name, arguments: text } = call.function;
  const signature = signatureOf(call.extra_content);
  return [{ functionCall: { name, args: objectOf(text) }, ...(signature && { thoughtSignature: signature }) }];
}

/** The proof of thoughts that belongs to a call, as it stands in chat completions of Google. */
function signatureOf(extra: unknown): string | null {
  const google = isObject(extra) ? extra.google : null;
  const signature = isObject(google) ? google.thought_signature : null;
  return typeof signature === 'string' && signature !== '' ? signature : null;
}

function functionResponse(message: JsonObject, name: unknown): JsonObject {
  const text = partsOf(message.content)
    .map(({ text }) => text ?? '')
    .join('');
  const value = parsed(text);
  return { functionResponse: { name: name ?? 'unknown', response: isObject(value) ? value : { result: value } } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function objectOf(text: unknown): JsonObject {
  const value = typeof text === 'string' ? parsed(text) : text;
  return isObject(value) ? value : {};
}

function toolsOf(tools: unknown): JsonObject[] {
  if (!Array.isArray(tools)) return [];
  const declared = tools.filter(isObject).flatMap((tool): JsonObject[] => {
    if (tool.type !== 'function' || !isObject(tool.function)) return [];
    const { name, description, parameters } = tool.function;
    return [
      {
        name,
        ...(typeof description === 'string' && { description }),
        ...(isObject(parameters) && { parametersJsonSchema: parameters }),
      },
    ];
  });
  const grounding = tools.some(
    (tool) => isObject(tool) && (tool.type === 'google_search' || isObject(tool.google_search)),
  );
  return [
    ...(declared.length > 0 ? [{ functionDeclarations: declared }] : []),
    ...(grounding ? [{ googleSearch: {} }] : []),
  ];
}

function toolChoice(choice: unknown): JsonObject | null {
  if (choice === 'none') return { mode: 'NONE' };
  if (choice === 'required') return { mode: 'ANY' };
  if (choice === 'auto') return { mode: 'AUTO' };
  const name = isObject(choice) && isObject(choice.function) ? choice.function.name : null;
  return typeof name === 'string' ? { mode: 'ANY', allowedFunctionNames: [name] } : null;
}

function generationConfig(body: JsonObject): JsonObject {
  const config: JsonObject = {};
  const same = {
    temperature: 'temperature',
    top_p: 'topP',
    top_k: 'topK',
    seed: 'seed',
    presence_penalty: 'presencePenalty',
    frequency_penalty: 'frequencyPenalty',
  };
  for (const [ours, theirs] of Object.entries(same)) if (isSet(body[ours])) config[theirs] = body[ours];
  const tokens = body.max_completion_tokens ?? body.max_tokens;
  if (isSet(tokens)) config.maxOutputTokens = tokens;
  if (isSet(body.stop)) config.stopSequences = [body.stop].flat();
  const format = isObject(body.response_format) ? body.response_format : {};
  if (format.type === 'json_object' || format.type === 'json_schema') config.responseMimeType = 'application/json';
  if (isObject(format.json_schema) && isObject(format.json_schema.schema)) {
    config.responseJsonSchema = format.json_schema.schema;
  }
  if (Array.isArray(body.modalities))
    config.responseModalities = body.modalities.map((one) => String(one).toUpperCase());
  const thinkingConfig = thinking(body.reasoning_effort);
  if (thinkingConfig) config.thinkingConfig = thinkingConfig;
  return config;
}

function thinking(effort: unknown): JsonObject | null {
  const budget = typeof effort === 'string' ? THOUGHTS[effort] : undefined;
  if (budget === undefined) return null;
  return budget === 0 ? { thinkingBudget: 0 } : { includeThoughts: true, thinkingBudget: budget };
}

function isSet(value: unknown): boolean {
  return value !== null && value !== undefined && value !== '';
}
