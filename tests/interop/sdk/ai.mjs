// The package `ai` with four of its providers.
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, Output, streamText, tool } from 'ai';
import {
  CALL, CALL_ID, CALL_RESULT, CREDENTIALS, IMAGE, IMAGE_PROMPT, JSON_PROMPT, MAX_TOKENS, ORDER, PROMPT, REGION, SCHEMA,
  SYSTEM, TOOL, TOOL_SCHEMA, TOOL_TEXT, told,
} from './question.mjs';

globalThis.AI_SDK_LOG_WARNINGS = false;

const request = (ask, { model, origin, signal, prompt = PROMPT }, more) => ({
  model: ask(origin)(model), ...(more?.messages ? {} : { prompt }), maxOutputTokens: MAX_TOKENS, maxRetries: 0,
  abortSignal: signal, ...more,
});
// `other` is what the package says where the service gave no reason.
const finishOf = ({ rawFinishReason, finishReason }) => rawFinishReason ?? (finishReason === 'other' ? '' : finishReason);

async function whole(ask, asked, more) {
  const answer = await generateText(request(ask, asked, more));
  const call = answer.toolCalls[0];
  return told({
    text: answer.text, finish: finishOf(answer), input: answer.usage.inputTokens, output: answer.usage.outputTokens,
    tool: call?.toolName, argumentsValue: call?.input,
  });
}

async function streamed(ask, asked, more) {
  const seen = { text: '' };
  for await (const part of streamText({ ...request(ask, asked, more), onError: () => {} }).fullStream) {
    if (part.type === 'text-delta') seen.text += part.text;
    if (part.type === 'tool-call') Object.assign(seen, { tool: part.toolName, argumentsValue: part.input });
    if (part.type === 'error') throw part.error instanceof Error ? part.error : new Error(JSON.stringify(part.error));
    if (part.type === 'abort') throw new Error('given up');
    if (part.type === 'finish-step') {
      Object.assign(seen, { finish: finishOf(part), input: part.usage.inputTokens, output: part.usage.outputTokens });
    }
  }
  return told(seen);
}

function calls(ask) {
  const tools = {
    tools: { [TOOL]: tool({ description: TOOL_TEXT, inputSchema: jsonSchema(TOOL_SCHEMA) }) },
    toolChoice: { type: 'tool', toolName: TOOL },
  };
  const conversation = {
    system: SYSTEM,
    messages: [
      { role: 'user', content: ORDER },
      { role: 'assistant', content: [{ type: 'tool-call', toolCallId: CALL_ID, toolName: TOOL, input: CALL }] },
      {
        role: 'tool',
        content: [
          { type: 'tool-result', toolCallId: CALL_ID, toolName: TOOL, output: { type: 'text', value: CALL_RESULT } },
        ],
      },
    ],
    tools: tools.tools,
    toolChoice: 'auto',
  };
  const image = {
    messages: [{
      role: 'user',
      content: [{ type: 'text', text: IMAGE_PROMPT }, { type: 'image', image: IMAGE, mediaType: 'image/png' }],
    }],
  };
  const schema = { output: Output.object({ schema: jsonSchema(SCHEMA) }) };
  return {
    unary: (asked) => whole(ask, asked),
    stream: (asked) => streamed(ask, asked),
    tools: (asked) => whole(ask, asked, tools),
    streamed_tools: (asked) => streamed(ask, asked, tools),
    schema: (asked) => whole(ask, { ...asked, prompt: JSON_PROMPT }, schema),
    conversation: (asked) => whole(ask, asked, conversation),
    image: (asked) => streamed(ask, asked, image),
  };
}

const apiKey = 'test-key';
export default {
  openai_chat: calls((origin) => createOpenAI({ baseURL: `${origin}/v1`, apiKey }).chat),
  openai_responses: calls((origin) => createOpenAI({ baseURL: `${origin}/v1`, apiKey }).responses),
  anthropic: calls((origin) => createAnthropic({ baseURL: `${origin}/v1`, apiKey })),
  bedrock: calls((origin) => createAmazonBedrock({ region: REGION, ...CREDENTIALS, baseURL: origin })),
  compatible: calls((origin) =>
    createOpenAICompatible({
      name: 'compatible', baseURL: `${origin}/v1`, apiKey, includeUsage: true, supportsStructuredOutputs: true,
    })),
};
