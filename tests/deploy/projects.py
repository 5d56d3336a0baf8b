"""Projects that are deployed: templates, and one that has a bit of everything."""

from __future__ import annotations

from pathlib import Path

RICH = """
service: shop
defaults: {runtime: python3.13, code: src}
functions:
  orders:
    handler: app.handler
    environment: {LEVEL: info, API_TOKEN: hunter2}
    layers: [common]
    logging: {retention: 14d}
    async: {retries: 1, on_failure: {queue: failed}}
    aliases: {live: {version: latest}}
    url: {auth: none, alias: live}
    triggers:
      - http: {path: /orders, method: POST}
      - rest: {path: "/orders/{id}", method: GET}
      - sqs: {queue: incoming, batch_size: 5}
      - dynamodb: {table: stock, starting_position: latest}
  audit:
    handler: app.handler
    memory: 256
    triggers:
      - sns: {topic: sold}
      - s3: {bucket: receipts, events: ["s3:ObjectCreated:*"], prefix: in/}
      - eventbridge: {pattern: {source: [shop.orders]}}
      - schedule: rate(5 minutes)
layers:
  common: {path: layers/common, runtimes: [python3.13]}
resources:
  queues:
    incoming: {dead_letter: failed, max_receives: 3}
    failed: {retention: 14d}
  topics: {sold: {}}
  buckets: {receipts: {name: receipts-8c1d}}
  tables:
    stock: {partition_key: sku, stream: new_image}
"""


def write(root: Path, manifest: str = RICH) -> Path:
    """A project with ``manifest`` in ``root``."""
    (root / "src").mkdir(parents=True, exist_ok=True)
    (root / "src/app.py").write_text("def handler(event, context):\n    return {'ok': True}\n")
    (root / "layers/common/python").mkdir(parents=True, exist_ok=True)
    (root / "layers/common/python/common.py").write_text("ANSWER = 42\n")
    (root / "lambdactl.yaml").write_text(manifest)
    return root
