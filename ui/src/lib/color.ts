// color.ts - contrast as WCAG 2.2 measures it, and making a colour fit a background.
type Rgb = [number, number, number];

export const isHexColor = (text: string): boolean => /^#[0-9a-f]{6}$/i.test(text);

export function parseHex(hex: string): Rgb {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as Rgb;
}

const formatHex = (rgb: Rgb) => `#${rgb.map((part) => Math.round(part).toString(16).padStart(2, '0')).join('')}`;

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => {
    const c = part / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** 1 to 21. */
export function contrast(a: string, b: string): number {
  const [high, low] = [luminance(parseHex(a)), luminance(parseHex(b))].sort((x, y) => y - x) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** `color`, moved towards black or white just as far as it takes to read it on `background`. */
export function readable(color: string, background: string, ratio = 4.5): string {
  const towards = luminance(parseHex(background)) > 0.18 ? 0 : 255;
  const from = parseHex(color);
  for (let step = 0; step < 20; step++) {
    const mixed = formatHex(from.map((part) => part + ((towards - part) * step) / 20) as Rgb);
    if (contrast(mixed, background) >= ratio) return mixed;
  }
  return towards === 0 ? '#000000' : '#ffffff';
}

/** Black or white, whichever reads better on `color`. */
export const inkOn = (color: string): string => (contrast(color, '#ffffff') >= contrast(color, '#111111') ? '#ffffff' : '#111111');
