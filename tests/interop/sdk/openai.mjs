// The package `openai`: chat completions, the same of Azure, and responses.
import OpenAI, { AzureOpenAI } from 'openai';
import {
  CALL, CALL_ID, CALL_RESULT, IMAGE, IMAGE_PROMPT, JSON_PROMPT, MAX_TOKENS, ORDER, PROMPT, SCHEMA, SCHEMA_NAME, SYSTEM,
  TOOL, TOOL_SCHEMA, TOOL_TEXT, told,
} from './question.mjs';

const openAi = ({ origin }) => new OpenAI({ baseURL: `${origin}/v1`, apiKey: 'test-key', maxRetries: 0 });
const azure = ({ origin }) =>
  new AzureOpenAI({ endpoint: origin, apiKey: 'test-key', apiVersion: '2024-10-21', maxRetries: 0 });
const imageUrl = `data:image/png;base64,${IMAGE}`;

async function models(asked) {
  const { models: api } = openAi(asked);
  const listed = [];
  for await (const { id } of api.list({ signal: asked.signal })) listed.push(id);
  const { id } = await api.retrieve(listed[0], { signal: asked.signal });
  return told({ text: listed.join(' '), finish: id });
}

function chat(client) {
  const create = ({ model, prompt = PROMPT, ...asked }, more = {}) =>
    client(asked).chat.completions.create(
      { model, messages: [{ role: 'user', content: prompt }], max_completion_tokens: MAX_TOKENS, ...more },
      { signal: asked.signal });

  const whole = async (asked, more) => {
    const answer = await create(asked, more);
    const choice = answer.choices?.[0];
    const call = choice?.message.tool_calls?.[0]?.function;
    return told({
      text: choice?.message.content, finish: choice?.finish_reason, input: answer.usage?.prompt_tokens,
      output: answer.usage?.completion_tokens, tool: call?.name, argumentsText: call?.arguments,
    });
  };

  const streamed = async (asked, more) => {
    const seen = { text: '' };
    const stream = await create(asked, { stream: true, stream_options: { include_usage: true }, ...more });
    for await (const chunk of stream) {
      const choice = chunk.choices?.[0];
      seen.text += choice?.delta?.content ?? '';
      seen.finish = choice?.finish_reason ?? seen.finish;
      for (const { function: call } of choice?.delta?.tool_calls ?? []) {
        seen.tool ??= call.name;
        seen.argumentsText = (seen.argumentsText ?? '') + (call.arguments ?? '');
      }
      if (chunk.usage) Object.assign(seen, { input: chunk.usage.prompt_tokens, output: chunk.usage.completion_tokens });
    }
    return told(seen);
  };

  const tools = {
    tools: [{ type: 'function', function: { name: TOOL, description: TOOL_TEXT, parameters: TOOL_SCHEMA } }],
    tool_choice: { type: 'function', function: { name: TOOL } },
  };
  const conversation = {
    messages: [
      { role: 'system', content: SYSTEM },
      { role: 'user', content: ORDER },
      {
        role: 'assistant', content: null,
        tool_calls: [{ id: CALL_ID, type: 'function', function: { name: TOOL, arguments: JSON.stringify(CALL) } }],
      },
      { role: 'tool', tool_call_id: CALL_ID, content: CALL_RESULT },
    ],
    tools: tools.tools,
    tool_choice: 'none',
  };
  const image = {
    messages: [{
      role: 'user', content: [{ type: 'text', text: IMAGE_PROMPT }, { type: 'image_url', image_url: { url: imageUrl } }],
    }],
  };
  const schema = {
    response_format: { type: 'json_schema', json_schema: { name: SCHEMA_NAME, strict: true, schema: SCHEMA } },
  };
  return {
    unary: (asked) => whole(asked),
    stream: (asked) => streamed(asked),
    tools: (asked) => whole(asked, tools),
    streamed_tools: (asked) => streamed(asked, tools),
    json: (asked) => whole({ ...asked, prompt: JSON_PROMPT }, { response_format: { type: 'json_object' } }),
    schema: (asked) => streamed({ ...asked, prompt: JSON_PROMPT }, schema),
    conversation: (asked) => whole(asked, conversation),
    image: (asked) => streamed(asked, image),
    models,
  };
}

function responses(client) {
  const create = ({ model, prompt = PROMPT, ...asked }, more = {}) =>
    client(asked).responses.create(
      { model, input: prompt, max_output_tokens: MAX_TOKENS, ...more }, { signal: asked.signal });

  const ofResponse = (response) => {
    const call = response.output?.find((item) => item.type === 'function_call');
    return told({
      text: response.output_text ?? '', finish: response.status, input: response.usage?.input_tokens,
      output: response.usage?.output_tokens, tool: call?.name, argumentsText: call?.arguments,
    });
  };
  const whole = async (asked, more) => ofResponse(await create(asked, more));

  const streamed = async (asked, more) => {
    let text = '';
    let argumentsText = '';
    let end;
    for await (const event of await create(asked, { stream: true, ...more })) {
      if (event.type === 'response.output_text.delta') text += event.delta;
      if (event.type === 'response.function_call_arguments.delta') argumentsText += event.delta;
      // Failures are events like others to the package; an application has to look at them, as here.
      if (event.type === 'response.failed') throw new Error(event.response.error?.message);
      if (event.type === 'error') throw new Error(event.message);
      if (event.type === 'response.completed' || event.type === 'response.incomplete') end = event.response;
    }
    if (end === undefined) return told({ text });
    const answer = ofResponse(end);
    if (answer.tool) answer.tool.arguments = JSON.parse(argumentsText);
    return { ...answer, text };
  };

  const tools = {
    tools: [{ type: 'function', name: TOOL, description: TOOL_TEXT, parameters: TOOL_SCHEMA, strict: false }],
    tool_choice: { type: 'function', name: TOOL },
  };
  const conversation = {
    instructions: SYSTEM,
    input: [
      { role: 'user', content: ORDER },
      { type: 'function_call', call_id: CALL_ID, name: TOOL, arguments: JSON.stringify(CALL) },
      { type: 'function_call_output', call_id: CALL_ID, output: CALL_RESULT },
    ],
    tools: tools.tools,
    tool_choice: 'none',
  };
  const image = {
    input: [{
      role: 'user',
      content: [{ type: 'input_text', text: IMAGE_PROMPT }, { type: 'input_image', image_url: imageUrl, detail: 'auto' }],
    }],
  };
  const schema = { text: { format: { type: 'json_schema', name: SCHEMA_NAME, strict: true, schema: SCHEMA } } };
  return {
    unary: (asked) => whole(asked),
    stream: (asked) => streamed(asked),
    tools: (asked) => whole(asked, tools),
    streamed_tools: (asked) => streamed(asked, tools),
    json: (asked) => whole({ ...asked, prompt: JSON_PROMPT }, { text: { format: { type: 'json_object' } } }),
    schema: (asked) => streamed({ ...asked, prompt: JSON_PROMPT }, schema),
    conversation: (asked) => whole(asked, conversation),
    image: (asked) => streamed(asked, image),
  };
}

export default { chat: chat(openAi), responses: responses(openAi), azure: chat(azure) };
