// The package `@aws-sdk/client-bedrock-runtime`, over HTTP/1.1: its default handler speaks HTTP/2 only.
import {
  BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, InvokeModelCommand, InvokeModelWithResponseStreamCommand,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import {
  CALL, CALL_ID, CALL_RESULT, CREDENTIALS, IMAGE, IMAGE_PROMPT, JSON_PROMPT, MAX_TOKENS, ORDER, PROMPT, REGION, SCHEMA,
  SCHEMA_NAME, SYSTEM, TOOL, TOOL_SCHEMA, TOOL_TEXT, told,
} from './question.mjs';

const send = ({ origin, signal, handler = { requestHandler: new NodeHttpHandler() } }, command) =>
  new BedrockRuntimeClient({
    region: REGION, credentials: CREDENTIALS, endpoint: origin, maxAttempts: 1, ...handler,
  }).send(command, { abortSignal: signal });

const conversation = ({ model, prompt = PROMPT }, more) => ({
  modelId: model, messages: [{ role: 'user', content: [{ text: prompt }] }], inferenceConfig: { maxTokens: MAX_TOKENS },
  ...more,
});

async function converse(asked, more) {
  const answer = await send(asked, new ConverseCommand(conversation(asked, more)));
  const content = answer.output?.message?.content ?? [];
  const use = content.find((block) => block.toolUse)?.toolUse;
  return told({
    text: content.map((block) => block.text ?? '').join(''), finish: answer.stopReason, input: answer.usage?.inputTokens,
    output: answer.usage?.outputTokens, tool: use?.name, argumentsValue: use?.input,
  });
}

async function converseStream(asked, more) {
  const seen = { text: '' };
  const { stream } = await send(asked, new ConverseStreamCommand(conversation(asked, more)));
  for await (const event of stream) {
    seen.text += event.contentBlockDelta?.delta?.text ?? '';
    seen.tool ??= event.contentBlockStart?.start?.toolUse?.name;
    const input = event.contentBlockDelta?.delta?.toolUse?.input;
    if (input !== undefined) seen.argumentsText = (seen.argumentsText ?? '') + input;
    seen.finish = event.messageStop?.stopReason ?? seen.finish;
    const usage = event.metadata?.usage;
    if (usage) Object.assign(seen, { input: usage.inputTokens, output: usage.outputTokens });
  }
  return told(seen);
}

const invocation = ({ model }, body) => ({
  modelId: model, contentType: 'application/json', accept: 'application/json', body: JSON.stringify(body),
});
const parsed = (bytes) => JSON.parse(new TextDecoder().decode(bytes));

async function chunks(asked, body, each) {
  const { body: stream } = await send(asked, new InvokeModelWithResponseStreamCommand(invocation(asked, body)));
  for await (const event of stream) {
    if (event.chunk) each(parsed(event.chunk.bytes));
  }
}

const anthropicBody = {
  anthropic_version: 'bedrock-2023-05-31', max_tokens: MAX_TOKENS, messages: [{ role: 'user', content: PROMPT }],
};
const titanBody = { inputText: PROMPT, textGenerationConfig: { maxTokenCount: MAX_TOKENS } };

async function invoke(asked) {
  const message = parsed((await send(asked, new InvokeModelCommand(invocation(asked, anthropicBody)))).body);
  return told({
    text: (message.content ?? []).map((block) => block.text ?? '').join(''), finish: message.stop_reason,
    input: message.usage?.input_tokens, output: message.usage?.output_tokens,
  });
}

async function invokeStream(asked) {
  const seen = { text: '' };
  await chunks(asked, anthropicBody, (event) => {
    seen.text += event.delta?.text ?? '';
    seen.finish = event.delta?.stop_reason ?? seen.finish;
    seen.input = event.message?.usage?.input_tokens ?? seen.input;
    seen.output = event.usage?.output_tokens ?? seen.output;
  });
  return told(seen);
}

async function titan(asked) {
  const answer = parsed((await send(asked, new InvokeModelCommand(invocation(asked, titanBody)))).body);
  const result = answer.results?.[0];
  return told({
    text: result?.outputText, finish: result?.completionReason, input: answer.inputTextTokenCount,
    output: result?.tokenCount,
  });
}

async function titanStream(asked) {
  const seen = { text: '' };
  await chunks(asked, titanBody, (event) => {
    seen.text += event.outputText ?? '';
    seen.finish = event.completionReason ?? seen.finish;
    seen.input = event.inputTextTokenCount ?? seen.input;
    seen.output = event.totalOutputTextTokenCount ?? seen.output;
  });
  return told(seen);
}

const tools = {
  toolConfig: {
    tools: [{ toolSpec: { name: TOOL, description: TOOL_TEXT, inputSchema: { json: TOOL_SCHEMA } } }],
    toolChoice: { tool: { name: TOOL } },
  },
};
const conversationWithTool = {
  system: [{ text: SYSTEM }],
  messages: [
    { role: 'user', content: [{ text: ORDER }] },
    { role: 'assistant', content: [{ toolUse: { toolUseId: CALL_ID, name: TOOL, input: CALL } }] },
    { role: 'user', content: [{ toolResult: { toolUseId: CALL_ID, content: [{ text: CALL_RESULT }] } }] },
  ],
  toolConfig: { tools: tools.toolConfig.tools },
};
const image = {
  messages: [{
    role: 'user',
    content: [{ text: IMAGE_PROMPT }, { image: { format: 'png', source: { bytes: Buffer.from(IMAGE, 'base64') } } }],
  }],
};
const schema = {
  outputConfig: {
    textFormat: { type: 'json_schema', structure: { jsonSchema: { name: SCHEMA_NAME, schema: JSON.stringify(SCHEMA) } } },
  },
};

export default {
  converse: {
    unary: (asked) => converse(asked),
    stream: (asked) => converseStream(asked),
    tools: (asked) => converse(asked, tools),
    streamed_tools: (asked) => converseStream(asked, tools),
    conversation: (asked) => converse(asked, conversationWithTool),
    schema: (asked) => converseStream({ ...asked, prompt: JSON_PROMPT }, schema),
    image: (asked) => converseStream(asked, image),
    http2: (asked) => converse({ ...asked, handler: {} }),
  },
  invoke: { unary: invoke, stream: invokeStream },
  titan: { unary: titan, stream: titanStream },
};
