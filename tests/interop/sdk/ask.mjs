// Asks SDKs what the lines of standard input say, many at once, and writes what each made of its answer to standard
// output, one JSON object a line: what `told` of question.mjs describes, or `error` with the name, the HTTP status
// and the message of what the SDK threw. `silent` says that it had thrown nothing when the time was over.
import { createInterface } from 'node:readline';

const AT_ONCE = 64;
const MODULES = {
  openai: './openai.mjs', anthropic: './anthropic.mjs', bedrock: './bedrock.mjs', ollama: './ollama.mjs', ai: './ai.mjs',
};

async function ask(question) {
  const [family, api] = question.sdk.split('/');
  const { default: apis } = await import(MODULES[family]);
  const call = apis[api]?.[question.call];
  if (call === undefined) throw new Error(`ask.mjs: ${question.sdk} has no call ${question.call}`);
  const time = new AbortController();
  const timer = setTimeout(() => time.abort(), question.timeout);
  // An SDK that does not listen to its signal must not hold up the others.
  const over = new Promise((_, reject) => {
    time.signal.addEventListener('abort', () => setTimeout(() => reject(new Error('the time is over')), 200));
  });
  try {
    // One that ends quietly when it is given up has had no answer.
    return { ...(await Promise.race([call({ ...question, signal: time.signal }), over])), silent: time.signal.aborted };
  } catch (error) {
    return { silent: time.signal.aborted, error: described(error) };
  } finally {
    clearTimeout(timer);
  }
}

function described(error) {
  const status = error.status ?? error.statusCode ?? error.status_code ?? error.$metadata?.httpStatusCode ?? 0;
  return { name: error.constructor?.name ?? '', status, message: String(error.message ?? error).slice(0, 300) };
}

const questions = [];
for await (const line of createInterface({ input: process.stdin })) questions.push(JSON.parse(line));

async function worker() {
  for (let question = questions.shift(); question !== undefined; question = questions.shift()) {
    const answer = await ask(question);
    await new Promise((done) => process.stdout.write(JSON.stringify({ id: question.id, ...answer }) + '\n', done));
  }
}

// Some SDKs also reject promises that nobody asked for.
process.on('unhandledRejection', () => {});
await Promise.all(Array.from({ length: AT_ONCE }, worker));
process.exit(0);
