// Runs models in ONNX Runtime: node run_onnx.cjs JOBS.json RESULTS.json
// JOBS is a list of {"model": FILE, "inputs": {NAME: {"type": "float32" | "int64", "dims": [...], "data": [...]}}}; RESULTS becomes the list of
// {"dims": [...], "data": [...]}, the first output of each. Exits with 77 where neither onnxruntime-node nor onnxruntime-web is installed
// (NODE_PATH says where they are).
const fs = require('fs');

function runtime() {
  for (const name of ['onnxruntime-node', 'onnxruntime-web']) {
    try {
      return require(name);
    } catch (error) {
      if (error.code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  process.exit(77);
}

async function main() {
  const ort = runtime();
  const results = [];
  for (const job of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    const session = await ort.InferenceSession.create(fs.readFileSync(job.model));
    const feeds = {};
    for (const [name, x] of Object.entries(job.inputs)) {
      const data = x.type === 'int64' ? BigInt64Array.from(x.data.map(BigInt)) : Float32Array.from(x.data);
      feeds[name] = new ort.Tensor(x.type, data, x.dims);
    }
    const output = (await session.run(feeds))[session.outputNames[0]];
    results.push({dims: Array.from(output.dims), data: Array.from(output.data)});
  }
  fs.writeFileSync(process.argv[3], JSON.stringify(results));
}

main().catch((error) => {
  console.error(String(error));
  process.exit(1);
});
