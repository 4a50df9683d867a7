// The package `@anthropic-ai/sdk`.
import Anthropic from '@anthropic-ai/sdk';
import {
  CALL, CALL_ID, CALL_RESULT, IMAGE, IMAGE_PROMPT, JSON_PROMPT, MAX_TOKENS, ORDER, PROMPT, SCHEMA, SYSTEM, TOOL,
  TOOL_SCHEMA, TOOL_TEXT, told,
} from './question.mjs';

const messages = ({ origin }) => new Anthropic({ baseURL: origin, apiKey: 'test-key', maxRetries: 0 }).messages;
const body = ({ model, prompt = PROMPT }, more) => ({
  model, max_tokens: MAX_TOKENS, messages: [{ role: 'user', content: prompt }], ...more,
});

function ofMessage(message) {
  const content = message.content ?? [];
  const use = content.find((block) => block.type === 'tool_use');
  return told({
    text: content.map((block) => block.text ?? '').join(''), finish: message.stop_reason,
    input: message.usage?.input_tokens, output: message.usage?.output_tokens, tool: use?.name, argumentsValue: use?.input,
  });
}

const whole = async (asked, more) => ofMessage(await messages(asked).create(body(asked, more), { signal: asked.signal }));
const streamed = async (asked, more) =>
  ofMessage(await messages(asked).stream(body(asked, more), { signal: asked.signal }).finalMessage());

const tools = {
  tools: [{ name: TOOL, description: TOOL_TEXT, input_schema: TOOL_SCHEMA }],
  tool_choice: { type: 'tool', name: TOOL },
};
const schema = { output_config: { format: { type: 'json_schema', schema: SCHEMA } } };
const conversation = {
  system: SYSTEM,
  messages: [
    { role: 'user', content: ORDER },
    { role: 'assistant', content: [{ type: 'tool_use', id: CALL_ID, name: TOOL, input: CALL }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: CALL_ID, content: CALL_RESULT }] },
  ],
  tools: tools.tools,
  tool_choice: { type: 'none' },
};
const image = {
  messages: [{
    role: 'user',
    content: [
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: IMAGE } },
      { type: 'text', text: IMAGE_PROMPT },
    ],
  }],
};

export default {
  messages: {
    unary: (asked) => whole(asked),
    stream: (asked) => streamed(asked),
    tools: (asked) => whole(asked, tools),
    streamed_tools: (asked) => streamed(asked, tools),
    schema: (asked) => streamed({ ...asked, prompt: JSON_PROMPT }, schema),
    conversation: (asked) => whole(asked, conversation),
    image: (asked) => streamed(asked, image),
  },
};
