// place.ts - puts a popover beside what opened it, and keeps it there while things move.
import { autoUpdate, computePosition, flip, offset, shift, size } from '@floating-ui/dom';

interface Options {
  matchWidth?: boolean;
  end?: boolean;
}

/** Shows `popover` below `anchor` (above when there is no room); the returned function hides it. */
export function placeBelow(anchor: HTMLElement, popover: HTMLElement, options: Options = {}): () => void {
  popover.showPopover();
  const stop = autoUpdate(anchor, popover, () => void move());
  async function move(): Promise<void> {
    const { x, y } = await computePosition(anchor, popover, {
      strategy: 'fixed',
      placement: options.end ? 'bottom-end' : 'bottom-start',
      middleware: [offset(6), flip(), shift({ padding: 8 }), size({
        padding: 8,
        apply({ rects, availableHeight }) {
          popover.style.maxHeight = `${Math.max(120, Math.min(availableHeight, 420))}px`;
          if (options.matchWidth) popover.style.width = `${rects.reference.width}px`;
        },
      })],
    });
    Object.assign(popover.style, { left: `${x}px`, top: `${y}px`, right: 'auto', bottom: 'auto' });
  }
  return () => {
    stop();
    if (popover.matches(':popover-open')) popover.hidePopover();
  };
}
