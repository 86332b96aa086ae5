// graphile-worker, with the batching of https://worker.graphile.org/docs/performance and a local queue of 2,000.
// Speaks the lines of protocol.py; runs in the folder that npm installed into.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.cwd() + "/package.json");
const { Logger, makeWorkerUtils, run, runMigrations } = require("graphile-worker");

const BATCH = 1000;
const CONCURRENCY = 24; // that page's; 10, 50 and 100 drain the same
const LOCAL_QUEUE = 2000; // that page's 500 drains a quarter less here, 5,000 no more
const connectionString = process.env.PEER_DSN;
const logger = new Logger(() => () => {});

const preset = {
  worker: {
    connectionString,
    logger,
    concurrentJobs: CONCURRENCY,
    maxPoolSize: CONCURRENCY + 1,
    localQueue: { size: LOCAL_QUEUE },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

function say(facts) {
  process.stdout.write("peer: " + JSON.stringify(facts) + "\n");
}

async function waitForGo() {
  const lines = createInterface({ input: process.stdin });
  say({ ready: true });
  await new Promise((resolve) => lines.once("line", resolve));
}

async function setup() {
  await runMigrations({ preset });
  say({
    version: require("graphile-worker/package.json").version,
    runtime: "Node " + process.versions.node,
    settings: `localQueue ${LOCAL_QUEUE}, completeJobBatchDelay 0, concurrentJobs ${CONCURRENCY}`,
    pending: "select exists (select from graphile_worker._private_jobs)",
  });
}

async function enqueue(jobs) {
  const utils = await makeWorkerUtils({ preset });
  await utils.withPgClient((client) => client.query("select 1"));
  await waitForGo();
  for (let start = 0; start < jobs; start += BATCH) {
    const length = Math.min(BATCH, jobs - start);
    await utils.addJobs(Array.from({ length }, (_, k) => ({ identifier: "noop", payload: { i: start + k } })));
  }
  say({ done: jobs });
  process.exit();
}

async function drain(jobs) {
  let count = 0;
  let total = 0;
  async function noop(payload) {
    if (!Number.isInteger(payload?.i)) throw new TypeError("i must be an integer");
    total += payload.i;
    if (++count === jobs) say({ done: count, total });
  }
  await waitForGo();
  const runner = await run({ preset, taskList: { noop } });
  await runner.promise;
}

const verbs = { setup, enqueue, drain };
await verbs[process.argv[2]](Number(process.argv[3]));
