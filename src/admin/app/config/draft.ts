/** The configuration one edits: a copy of the one in force, compared with it, and asked about while one types. */
import { clone, equals } from "@bufbuild/protobuf";
import { useQuery } from "@connectrpc/connect-query";
import { keepPreviousData } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { GetConfigResponse } from "../../../../gen/modeltier/v1/config_pb.js";
import { ConfigService } from "../../../../gen/modeltier/v1/config_service_pb.js";
import { type RoutingConfig, RoutingConfigSchema } from "../../../../gen/modeltier/v1/routing_config_pb.js";
import { useSettled } from "../api/use-settled.ts";

export type Edit = (change: (draft: RoutingConfig) => void) => void;

/** The one that is edited, and the version it is based on. */
type Edited = Readonly<{ draft: RoutingConfig; base: RoutingConfig; basedOn: bigint }>;

const TYPING_MS = 250;

const differs = ({ draft, base }: Edited): boolean => !equals(RoutingConfigSchema, draft, base);

/** Edits outlive a look at another screen; a reload of the page ends them. */
let kept: Edited | undefined;

/** What is edited and not published; undefined when nothing is. */
export const findDraft = (): RoutingConfig | undefined =>
  kept !== undefined && differs(kept) ? kept.draft : undefined;

/** Lets the editor begin with this, in place of what it had. */
export function proposeDraft({ config, version }: GetConfigResponse, draft: RoutingConfig): void {
  kept = { draft, base: config as RoutingConfig, basedOn: version?.version ?? 0n };
}

/** @param current what is in force; while nothing is edited, the draft follows it */
export function useDraft(current: GetConfigResponse) {
  const config = current.config as RoutingConfig;
  const untouched: Edited = { draft: config, base: config, basedOn: current.version?.version ?? 0n };
  const [edited, setEdited] = useState(kept);
  useEffect(() => {
    kept = edited;
  }, [edited]);
  const isDirty = edited !== undefined && differs(edited);
  const edit: Edit = (change) =>
    setEdited((before) => {
      const from = before !== undefined && differs(before) ? before : untouched;
      const next = clone(RoutingConfigSchema, from.draft);
      change(next);
      return { ...from, draft: next };
    });
  return {
    ...(isDirty ? edited : untouched),
    isDirty,
    edit,
    discard: () => setEdited(undefined),
    /** Keeps the edits, knowing of the version that came between. */
    rebase: (newest: bigint) => setEdited((before) => before && { ...before, basedOn: newest }),
  };
}

/** What is wrong with the draft, what is worth knowing, and what it would change. */
export function useValidation(draft: RoutingConfig) {
  const config = useSettled(draft, TYPING_MS);
  const asked = useQuery(
    ConfigService.method.validateConfig,
    { config },
    { placeholderData: keepPreviousData, retry: false },
  );
  return { ...asked, isSettled: config === draft && !asked.isFetching };
}
