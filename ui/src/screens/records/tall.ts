// tall.ts - scrolling through more rows than a browser can make an element high (some 33 million
// pixels in Chromium). The element gets at most MOST; rows are drawn at their own place y less
// `offset`. Both ends are pixel by pixel; the middle of a longer list is pressed together: small
// steps still move by pixels, a jump of the bar goes to the proportional place, and when scrolling
// settles the bar is put where it belongs, which moves no row on the screen.
//
//   const tall = new Tall();
//   tall.resize(1_000_000 * 40);        element height: tall.height
//   tall.scrolled(top, seen)            now tall.offset; what is seen begins at top + offset
//   tall.settle(top)                    the top to set
//   tall.topOf(y, seen)                 the top to set, to see y
const MOST = 8_000_000;
const END = 2_000_000;

export class Tall {
  height = 0;
  offset = 0;
  #whole = 0;
  #last = 0;

  resize(whole: number): void {
    this.#whole = whole;
    this.height = Math.min(whole, MOST);
    if (whole <= MOST) this.offset = 0;
  }

  get #ratio(): number {
    return (this.#whole - 2 * END) / (this.height - 2 * END);
  }

  #placeAt(top: number): number {
    if (this.#whole <= MOST || top <= END) return top;
    if (top >= this.height - END) return this.#whole - (this.height - top);
    return END + (top - END) * this.#ratio;
  }

  #topAt(y: number): number {
    if (this.#whole <= MOST || y <= END) return y;
    if (y >= this.#whole - END) return this.height - (this.#whole - y);
    return END + (y - END) / this.#ratio;
  }

  scrolled(top: number, seen: number): void {
    const step = Math.abs(top - this.#last);
    this.#last = top;
    if (this.#whole <= MOST) return;
    if (step >= 2 * seen || top <= 0 || top >= this.height - seen) this.offset = Math.round(this.#placeAt(top)) - top;
  }

  settle(top: number): number {
    const y = top + this.offset;
    return this.#move(y, Math.round(this.#topAt(y)));
  }

  topOf(y: number, seen: number): number {
    return this.#move(y, Math.min(Math.round(this.#topAt(y)), Math.max(0, this.height - seen)));
  }

  #move(y: number, top: number): number {
    this.offset = y - top;
    this.#last = top;
    return top;
  }
}
