// What every SDK is asked, so that their answers can be compared.

export const PROMPT = 'Say something.';
export const JSON_PROMPT = 'Say something in JSON.';
export const MAX_TOKENS = 100;

// The one tool, which is forced where the API can.
export const TOOL = 'book_table';
export const TOOL_TEXT = 'Books a table in a restaurant.';
export const TOOL_SCHEMA = {
  type: 'object',
  properties: {
    restaurant: { type: 'string' },
    guests: { type: 'integer' },
    outside: { type: 'boolean' },
  },
  required: ['restaurant', 'guests'],
  additionalProperties: false,
};

// A conversation that goes on after a call of the tool.
export const SYSTEM = 'You are a concierge.';
export const ORDER = 'Book me a table.';
export const CALL_ID = 'call_1';
export const CALL = { restaurant: 'Chez Nous', guests: 2 };
export const CALL_RESULT = 'Booked for eight.';

// A PNG of one pixel.
export const IMAGE_PROMPT = 'What is this?';
export const IMAGE =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

export const SCHEMA_NAME = 'opinion';
export const SCHEMA = {
  type: 'object',
  properties: {
    verdict: { type: 'string' }, stars: { type: 'integer' }, reasons: { type: 'array', items: { type: 'string' } },
  },
  required: ['verdict', 'stars', 'reasons'],
  additionalProperties: false,
};

export const CREDENTIALS = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
export const REGION = process.env.AWS_REGION;

/// What a call gives back: `text` (of a very long one the beginning), `finish` (the service's own word), `usage` and
/// `tool`, as far as they came.
export function told({ text, finish, input, output, tool, argumentsText, argumentsValue }) {
  const answer = { text: (text ?? '').slice(0, 10000), finish: finish ?? '' };
  if (input !== undefined || output !== undefined) answer.usage = { input, output };
  if (tool !== undefined) answer.tool = { name: tool, arguments: argumentsValue ?? JSON.parse(argumentsText) };
  return answer;
}
