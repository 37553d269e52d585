// What every picture made with uPlot shares: its canvas has a role, and it follows theme and width.

export class Panel {
  /** A subclass calls this once its plot stands; its size() says {width, height}. */
  adopt(plot) {
    this.plot = plot;
    this.canvas = plot.ctx.canvas;
    this.canvas.setAttribute("role", "img");
  }

  /** The room there is, in CSS pixels. */
  room() {
    return Math.max(240, this.host.clientWidth || this.root.clientWidth || 600);
  }

  redraw() {
    this.plot.redraw(false, true);
  }

  resize() {
    const { width, height } = this.size();
    if (width !== this.plot.width || height !== this.plot.height) this.plot.setSize({ width, height });
  }

  destroy() {
    this.plot.destroy();
  }
}
