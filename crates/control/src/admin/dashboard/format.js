// Numbers, durations and times as people read them. Used by every part of the page.

/** A rate or count: three digits say enough. */
export function number(value) {
  if (!Number.isFinite(value)) return NONE;
  if (value === 0) return "0";
  if (value < 10) return small.format(value);
  return value < 10_000 ? whole.format(value) : short.format(value);
}

export const count = (value) => (Number.isFinite(value) ? whole.format(value) : NONE);

/** How long an answer took. */
export function latency(seconds) {
  if (!Number.isFinite(seconds)) return NONE;
  if (seconds === 0) return "0 ms";
  if (seconds < 0.001) return `${digits(seconds * 1e6)} µs`;
  return seconds < 1 ? `${digits(seconds * 1e3)} ms` : `${digits(seconds)} s`;
}

/** The same for a quantile of a histogram whose first bucket ends at `lowest`: below it nothing more is known. */
export function quantile(seconds, lowest) {
  return seconds <= lowest ? `<${Number((lowest * 1e3).toPrecision(3))} ms` : latency(seconds);
}

/** The same for an axis, which has round values. */
export function shortLatency(seconds) {
  if (seconds > 0 && seconds < 0.001) return `${round.format(seconds * 1e6)} µs`;
  return seconds < 1 ? `${round.format(seconds * 1e3)} ms` : `${round.format(seconds)} s`;
}

/** A share of 1, as a percentage that is 0 only when it is. */
export function share(value) {
  if (!Number.isFinite(value)) return NONE;
  if (value === 0) return "0 %";
  if (value < 0.001) return "< 0.1 %";
  return `${(value < 0.1 ? tenths : whole).format(value * 100)} %`;
}

/** For how long, in its largest one or two units. */
export function duration(seconds) {
  const total = Math.max(0, Math.floor(seconds));
  const [days, hours, minutes] = [86_400, 3_600, 60].map((unit) => Math.floor(total / unit));
  if (days > 0) return `${days} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${minutes % 60} min`;
  if (minutes > 0) return `${minutes} min ${total % 60} s`;
  return `${total} s`;
}

/** How long ago a moment was; at most one unit, for it changes under the eye. */
export function ago(unixSeconds) {
  const seconds = Math.max(0, Date.now() / 1000 - unixSeconds);
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  return seconds < 86_400
    ? `${Math.floor(seconds / 3_600)} h`
    : `${Math.floor(seconds / 86_400)} d`;
}

/** The time of day; with the date when it was another day. */
export function time(unixSeconds) {
  const moment = new Date(unixSeconds * 1000);
  const clock = timeOfDay.format(moment);
  return moment.toDateString() === new Date().toDateString()
    ? clock
    : `${day.format(moment)} ${clock}`;
}

export const NONE = "–";

// One notation for everybody, as in logs and metrics: whoever reads a figure aloud should be understood.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const small = new Intl.NumberFormat("en", { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const round = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
// Always three digits, so that a figure does not jump from side to side while it changes.
const digits = (value) => value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
const timeOfDay = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
