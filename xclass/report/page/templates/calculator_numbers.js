// Reading the rows that report/page/compact.py wrote, and numbers in words as xclass/units.py writes them.
function parse36(text) {
  const isNegative = text[0] === "-";
  let number = 0n;
  for (const digit of isNegative ? text.slice(1) : text) number = number * 36n + BigInt(parseInt(digit, 36));
  return isNegative ? -number : number;
}
function readRests(text) {
  const rests = [];
  for (const token of text ? text.split(",") : []) {
    if (token[0] === "*") for (let run = Number(token.slice(1) || 1); run; run -= 1) rests.push(0n);
    else rests.push(parse36(token));
  }
  return rests;
}
function onLine(stops, values, at) {
  if (at < 2) return at ? values[0] : 0n;
  const rise = (values[at - 1] - values[at - 2]) * (stops[at] - stops[at - 1]);
  return values[at - 1] + rise / (stops[at - 1] - stops[at - 2]);
}
// The values of one row, as BigInt: those of its stops that have figures.
function readRow(text, stops, guide) {
  const values = [];
  readRests(text).forEach((rest, at) => {
    let value = rest + onLine(stops, values, at);
    if (guide) {
      const off = guide[at] - onLine(stops, guide, at);
      value += at && guide[at - 1] ? off * values[at - 1] / guide[at - 1] : off;
    }
    values.push(value);
  });
  return values;
}

function halfEven(top, bottom) {
  const whole = top / bottom, rest = 2n * (top % bottom);
  return rest > bottom || (rest === bottom && whole % 2n) ? whole + 1n : whole;
}
function formatBytes(bytes) {
  for (const [unit, scale] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (bytes < scale) continue;
    const decimals = bytes / scale >= 100 ? 0 : bytes / scale >= 10 ? 1 : 2;
    const number = halfEven(BigInt(bytes) * 10n ** BigInt(decimals), BigInt(scale));
    return Number(number) / 10 ** decimals + " " + unit;
  }
  return bytes + " B";
}
function formatSeconds(seconds) {
  const short = (number) => Number(number.toPrecision(3));
  if (seconds < 1e-3) return short(seconds * 1e6) + " us";
  if (seconds < 1) return short(seconds * 1e3) + " ms";
  if (seconds < 60) return short(seconds) + " s";
  const two = (number) => String(number).padStart(2, "0");
  const whole = Math.round(seconds), minutes = Math.round(seconds / 60);
  if (seconds < 3 * 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (seconds < 3 * 86400) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`;
  const days = seconds / 86400;
  return (days < 1000 ? short(days) : grouped(Math.round(days))) + " days";
}
// Money as xclass/sizing/choice.py writes it.
function formatUsd(usd) {
  return (usd >= 100 ? grouped(Math.round(usd)) : Number(usd.toPrecision(3))) + " USD";
}
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
function inWords(count) {
  for (const [scale, word] of [[1e9, " billion"], [1e6, " million"]]) {
    if (count >= scale && count % (scale / 100) === 0) return count / scale + word;
  }
  return grouped(count);
}
const dollars = (usd) => "$" + (usd < 10 ? usd.toFixed(2) : grouped(Math.round(usd)));
function nearest(stops, wanted) {
  const distance = (stop) => Math.abs(Math.log(stop / wanted));
  return stops.reduce((best, stop, at) => (distance(stop) < distance(stops[best]) ? at : best), 0);
}
