#!/usr/bin/env python3
"""Delivery lag of streams in a Python client that does per chunk what `vllm bench serve` does (P3).

Per chunk: aiohttp's iter_any, a buffer cut at empty lines, the clock, json.loads. The clock is CLOCK_MONOTONIC, in
which the stream server writes when it sent an event.
"""
import argparse
import asyncio
import json
import resource
import ssl
import time

import aiohttp


class Observed:
    def __init__(self):
        self.begun = 0
        self.measuring = False
        self.lags = []


async def one_stream(session, url, body, observed):
    begun = False
    async with session.post(url=url, json=body) as response:
        response.raise_for_status()
        buffer = ""
        async for chunk_bytes in response.content.iter_any():
            buffer += chunk_bytes.decode("utf-8")
            while "\n\n" in buffer:
                message, buffer = buffer.split("\n\n", 1)
                message = message.strip()
                if not message:
                    continue
                chunk = message.removeprefix("data: ")
                if chunk == "[DONE]":
                    continue
                timestamp = time.perf_counter()
                data = json.loads(chunk)
                choices = data.get("choices")
                if not choices:
                    continue
                content = choices[0]["delta"].get("content")
                if not content:
                    continue
                if not begun:
                    begun = True
                    observed.begun += 1
                if observed.measuring:
                    observed.lags.append(timestamp - int(content[2:]) * 1e-9)


async def run(arguments):
    events = int(arguments.rate * (arguments.settle + arguments.seconds)) + 2 + int(arguments.rate)
    prompt = f"plan streams={arguments.streams} rate={arguments.rate:.6f} events={events} spread={arguments.spread:.3f} end"
    body = {"model": "m", "messages": [{"role": "user", "content": prompt}], "stream": True}
    context = ssl.create_default_context(cafile=arguments.certificate)
    connector = aiohttp.TCPConnector(limit=0, ssl=context)
    timeout = aiohttp.ClientTimeout(total=900)
    observed = Observed()
    url = f"https://127.0.0.1:{arguments.port}/v1/chat/completions"
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        streams = [asyncio.create_task(one_stream(session, url, body, observed)) for _ in range(arguments.streams)]
        while observed.begun < arguments.streams and not any(stream.done() for stream in streams):
            await asyncio.sleep(0.005)
        await asyncio.sleep(arguments.settle)
        before = resource.getrusage(resource.RUSAGE_SELF)
        observed.measuring = True
        await asyncio.sleep(arguments.seconds)
        observed.measuring = False
        after = resource.getrusage(resource.RUSAGE_SELF)
        await asyncio.gather(*streams)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    lags = sorted(observed.lags)
    subject = f"aiohttp{'_steps' if arguments.spread < 1 else ''}@{arguments.streams}"
    print(f"figure {arguments.item} {subject} lag_p50_ms {lags[len(lags) // 2] * 1e3:.6g}")
    print(f"figure {arguments.item} {subject} lag_p99_ms {lags[len(lags) * 99 // 100] * 1e3:.6g}")
    print(f"figure {arguments.item} {subject} events_per_cpu_second {len(lags) / cpu:.6g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--item", default="P3")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--spread", type=float, default=1)
    parser.add_argument("--settle", type=float, default=0.5)
    parser.add_argument("--seconds", type=float, default=5)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    asyncio.run(run(parser.parse_args()))


main()
