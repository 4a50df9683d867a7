// A mock LLM server that llmload's authors did not write: the package `@copilotkit/aimock`, whose every answer is full of
// emoji. It streams them a UTF-16 unit at a time, so that each chunk has half an emoji. Prints its URL, and ends when its
// input does.
import { LLMock } from '@copilotkit/aimock';

const mock = new LLMock({ host: '127.0.0.1', port: 0, chunkSize: 1, latency: 0, logLevel: 'silent' });
mock.onMessage(/./, { content: 'Yes 👍🏽, grüße! 🎉🇨🇭👩‍💻 🙂🙃🤖' });
await mock.start();
process.stdout.write(`${mock.url}\n`);
process.stdin.on('end', () => mock.stop().then(() => process.exit(0)));
process.stdin.resume();
