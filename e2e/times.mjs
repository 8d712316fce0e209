// Times that are measured, printed, and asserted with much room: machines differ.

/** The value below which so many of a hundred lie. */
export function percentile(values, percent) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil((sorted.length * percent) / 100) - 1)];
}

/** Prints a line of figures, and keeps it in the test's report. */
export function print(testInfo, what, values) {
  const [p50, p99] = [50, 99].map((percent) => Math.round(percentile(values, percent)));
  const line = `${what}: p50 ${p50} ms, p99 ${p99} ms (${values.length} times)`;
  console.log(line);
  testInfo.annotations.push({ type: 'time', description: line });
}
