// What the region actor has told of the other regions, kept for status and metrics. Before it has told anything, all that is
// known is that they are configured.

import type { RegionView } from "../../actors/ballots.ts";
import type { ClusterConfig } from "../../actors/config.ts";
import { type Instant, millis } from "../../actors/scalars.ts";

export interface Regions {
  readonly told: (views: readonly RegionView[]) => void;
  /** The other regions as they look now, in the order of their names. */
  readonly views: () => readonly RegionView[];
}

export function newRegions({ regionId, regions }: ClusterConfig, now: () => Instant): Regions {
  const others = regions.filter((region) => region !== regionId);
  const known = new Map<string, RegionView>();
  let toldAt = now();

  function viewOf(region: (typeof others)[number]): RegionView {
    const view = known.get(region);
    if (view === undefined) return { region, reachable: false, leader: null, roundTrip: null, silence: null };
    // It has gone on since.
    return { ...view, silence: view.silence === null ? null : millis(view.silence + now() - toldAt) };
  }

  return {
    told: (views) => {
      toldAt = now();
      for (const view of views) known.set(view.region, view);
    },
    views: () => others.map(viewOf),
  };
}
