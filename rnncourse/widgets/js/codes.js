// Reads the arrays that Python packed (rnncourse/widgets/base.py says how).

/** A bytes trait arrives as a DataView; some hosts hand over a buffer or a typed array. */
export function bytes(value) {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

/** Undo `base.pack`: low bytes, then high bytes, of differences that wrap around at 16 bits. */
export function unpack(value) {
  const raw = bytes(value);
  const size = raw.length / 2;
  const codes = new Int16Array(size);
  let sum = 0;
  for (let i = 0; i < size; i += 1) {
    sum = (sum + raw[i] + 256 * raw[size + i]) & 0xffff;
    codes[i] = sum; // Int16Array brings the sign back
  }
  return codes;
}

/** Turns codes into decades (log10) and the three special marks. */
export class Decades {
  constructor({ scale, zero, overflow, none }) {
    Object.assign(this, { scale, zero, overflow, none });
  }

  /** log10 of the value; null where there is no number to draw. */
  value(code) {
    return this.isSpecial(code) ? null : code / this.scale;
  }

  isSpecial(code) {
    return code === this.zero || code === this.overflow || code === this.none;
  }

  /** The value as text: "3.2e−12", "0.45", "0", "overflow", "–". */
  text(code) {
    if (code === this.zero) return "exactly 0";
    if (code === this.overflow) return "not finite";
    if (code === this.none || code === undefined) return "–";
    return powerText(code / this.scale);
  }
}

/** Two digits of 10^decades. */
export function powerText(decades) {
  let exponent = Math.floor(decades + 1e-9);
  let mantissa = Number((10 ** (decades - exponent)).toPrecision(2));
  if (mantissa >= 10) {
    mantissa = 1;
    exponent += 1;
  }
  if (exponent >= -3 && exponent <= 3) {
    return Number((mantissa * 10 ** exponent).toPrecision(2)).toFixed(Math.max(0, 1 - exponent));
  }
  return `${mantissa.toFixed(1)}e${minus(exponent)}`;
}

/** A true minus sign: a hyphen is too short to see in small type. */
export const minus = (number) => String(number).replace("-", "−");

/** Axis labels: 1e−20, and 1 for the zeroth decade. */
export const tickText = (decade) => (decade === 0 ? "1" : `1e${minus(decade)}`);
