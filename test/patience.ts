// How long tests wait for what must come to pass. It is no promise about speed: it only ends what hangs, and is far more than
// the slowest machine needs.

export const patienceMs = 150_000;
