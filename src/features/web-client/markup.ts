const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const CHARACTERS = Object.fromEntries(Object.entries(ENTITIES).map(([character, entity]) => [entity, character]));

/** Text as HTML or XML, also inside a quoted attribute. */
export function toMarkup(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => ENTITIES[character] ?? character);
}

/** The visible text of markup made of `toMarkup` texts and tags. */
export function visibleText(markup: string): string {
  return markup.replaceAll(/<[^>]*>/g, '').replaceAll(/&\w+;/g, (entity) => CHARACTERS[entity] ?? entity);
}
