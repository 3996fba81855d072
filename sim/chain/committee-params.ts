/** Parameters of the committees of one world. */
import type { CommitteeParams } from "../../protocol/committee.ts";

/** Committees begin so many blocks apart, so that a group that moves leaves in the middle of a slot (R14). */
const originStep = 2;

/** All committees have one rhythm, from different blocks on. */
export function committeeParams(params: CommitteeParams, committee: number): CommitteeParams {
  return { ...params, originBlock: params.originBlock + originStep * committee };
}
