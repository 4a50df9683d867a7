// The package `ollama`: chat and generate.
import { Ollama } from 'ollama';
import {
  CALL, CALL_RESULT, IMAGE, IMAGE_PROMPT, JSON_PROMPT, MAX_TOKENS, ORDER, PROMPT, SCHEMA, SYSTEM, TOOL, TOOL_SCHEMA,
  TOOL_TEXT, told,
} from './question.mjs';

// A request that is not streamed can be given up through its fetch only.
const client = ({ origin, signal }) => new Ollama({ host: origin, fetch: (url, init) => fetch(url, { ...init, signal }) });
const options = { num_predict: MAX_TOKENS };

const chatBody = ({ model, prompt = PROMPT }, more) => ({
  model, messages: [{ role: 'user', content: prompt }], options, ...more,
});
const generateBody = ({ model, prompt = PROMPT }, more) => ({ model, prompt, options, ...more });

function collect(seen, part) {
  seen.text += part.message?.content ?? part.response ?? '';
  const call = part.message?.tool_calls?.[0]?.function;
  if (call) Object.assign(seen, { tool: call.name, argumentsValue: call.arguments });
  if (part.done) Object.assign(seen, { finish: part.done_reason, input: part.prompt_eval_count, output: part.eval_count });
  return seen;
}

async function collectAll(stream) {
  const seen = { text: '' };
  for await (const part of stream) collect(seen, part);
  return told(seen);
}

const chat = async (asked, more) => told(collect({ text: '' }, await client(asked).chat(chatBody(asked, more))));
const chatStream = async (asked, more) => collectAll(await client(asked).chat(chatBody(asked, { stream: true, ...more })));
const generate = async (asked, more) => told(collect({ text: '' }, await client(asked).generate(generateBody(asked, more))));
const generateStream = async (asked, more) =>
  collectAll(await client(asked).generate(generateBody(asked, { stream: true, ...more })));

const tools = { tools: [{ type: 'function', function: { name: TOOL, description: TOOL_TEXT, parameters: TOOL_SCHEMA } }] };
const conversation = {
  messages: [
    { role: 'system', content: SYSTEM },
    { role: 'user', content: ORDER },
    { role: 'assistant', content: '', tool_calls: [{ function: { name: TOOL, arguments: CALL } }] },
    { role: 'tool', content: CALL_RESULT, tool_name: TOOL },
  ],
};
const image = { messages: [{ role: 'user', content: IMAGE_PROMPT, images: [IMAGE] }] };

async function models(asked) {
  const { models: listed } = await client(asked).list();
  return told({ text: listed.map(({ name }) => name).join(' '), finish: listed[0]?.model });
}
// The API cannot force a tool: the server calls it now and then.
async function untilCalled(ask) {
  let answer = await ask();
  for (let asked = 1; answer.tool === undefined && asked < 50; ++asked) answer = await ask();
  return answer;
}

export default {
  chat: {
    unary: (asked) => chat(asked),
    stream: (asked) => chatStream(asked),
    tools: (asked) => untilCalled(() => chat(asked, tools)),
    streamed_tools: (asked) => untilCalled(() => chatStream(asked, tools)),
    json: (asked) => chat({ ...asked, prompt: JSON_PROMPT }, { format: 'json' }),
    schema: (asked) => chatStream({ ...asked, prompt: JSON_PROMPT }, { format: SCHEMA }),
    conversation: (asked) => chat(asked, conversation),
    image: (asked) => chatStream(asked, image),
    models,
  },
  generate: {
    unary: (asked) => generate(asked),
    stream: (asked) => generateStream(asked),
    json: (asked) => generate({ ...asked, prompt: JSON_PROMPT }, { format: 'json' }),
    schema: (asked) => generateStream({ ...asked, prompt: JSON_PROMPT }, { format: SCHEMA }),
    image: (asked) => generateStream({ ...asked, prompt: IMAGE_PROMPT }, { images: [IMAGE] }),
  },
};
