// Observations: each scenario's result, as its SDK showed it, one JSON line each.
// It judges nothing. Whoever runs a suite twice compares what it printed.
export const TEXT = "hello there gateway";
export const CITY = "New York";
export const SCHEMA = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };

export const setting = (name) => {
  const value = process.env["SUITE_" + name];
  if (value === undefined) throw new Error(`SUITE_${name} is not set`);
  return value;
};

export async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

// observe prints what each of scenarios, a name and a function each, returns,
// or what failure makes of its error.
export async function observe(scenarios, failure) {
  for (const [name, run] of Object.entries(scenarios)) {
    let observed;
    try {
      observed = await run();
    } catch (e) {
      observed = { error: failure(e) };
    }
    console.log(JSON.stringify({ scenario: name, observed }));
  }
}
