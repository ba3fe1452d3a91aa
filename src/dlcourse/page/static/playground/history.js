// The events of a training that the curves need.

const MOST = 1200; // points of a curve; then every second one goes

export class History {
  constructor() { this.clear(); }

  // every: of so many events, one is a point of the curves
  clear() { Object.assign(this, { points: [], every: 1, count: 0, newest: null }); }

  add({ step, train, dev, lr, gradients, is_last: isLast }) {
    this.newest = { step, train, dev, lr, gradients };
    this.count += 1;
    if (this.count % this.every === 0 || isLast) this.points.push({ step, train, dev });
    if (this.points.length <= MOST) return;
    this.points = this.points.filter((_, index) => index % 2 === 0);
    this.every *= 2;
  }
}
