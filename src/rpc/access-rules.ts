/** Who may do what: a rule for every RPC and every HTTP route. What has none does not compile, and is not served. */
import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { AccessService } from "../../gen/modeltier/v1/access_service_pb.js";
import { AnalyticsService } from "../../gen/modeltier/v1/analytics_service_pb.js";
import { ConfigService } from "../../gen/modeltier/v1/config_service_pb.js";
import { ExperimentService } from "../../gen/modeltier/v1/experiment_service_pb.js";
import { FeedbackService } from "../../gen/modeltier/v1/feedback_service_pb.js";
import { PromptService } from "../../gen/modeltier/v1/prompt_service_pb.js";
import { ProviderService } from "../../gen/modeltier/v1/provider_service_pb.js";
import { RouterService } from "../../gen/modeltier/v1/router_service_pb.js";
import type { Rule } from "../access/types.ts";

type ServiceRules = Readonly<{ service: DescService; rules: Readonly<Record<string, Rule>> }>;

/** Takes a rule for each of the service's methods, by its local name, and for nothing else. */
const rulesOf = <S extends DescService>(
  service: S,
  rules: Readonly<Record<keyof S["method"], Rule>>,
): ServiceRules => ({ service, rules });

/** Every service of the contract, in the order of the matrix. */
export const SERVICE_RULES: readonly ServiceRules[] = [
  rulesOf(RouterService, { route: "caller", complete: "caller", completeOnce: "caller" }),
  rulesOf(FeedbackService, {
    recordFeedback: "caller",
    recordFeedbackBatch: "caller",
    streamFeedback: "caller",
  }),
  rulesOf(AnalyticsService, {
    listExecutions: "own",
    getExecution: "own",
    getOverview: "operator",
    watchOverview: "operator",
    getProviderDistribution: "operator",
    getCostTrend: "operator",
    listAgentCosts: "operator",
    getAgentScore: "operator",
    getProviderPerformance: "operator",
    getScoreHistogram: "operator",
  }),
  rulesOf(ConfigService, {
    getConfig: "operator",
    listConfigVersions: "operator",
    diffConfig: "operator",
    validateConfig: "operator",
    publishConfig: "operator",
    rollbackConfig: "operator",
    backtestConfig: "operator",
    listAuditEntries: "operator",
  }),
  rulesOf(ExperimentService, {
    listExperiments: "operator",
    getExperiment: "operator",
    getExperimentArm: "operator",
    startExperiment: "operator",
    rampExperiment: "operator",
    stopExperiment: "operator",
  }),
  rulesOf(PromptService, { getPrompt: "private", deletePrompts: "private" }),
  rulesOf(ProviderService, { listProviders: "operator", reloadProviders: "operator" }),
  rulesOf(AccessService, {
    getIdentity: "caller",
    listBudgets: "own",
    listApiKeys: "own",
    setBudget: "operator",
    deleteBudget: "operator",
    createApiKey: "admin",
    rotateApiKey: "admin",
    setApiKeyLimits: "admin",
    revokeApiKey: "admin",
  }),
];

/** What grpc-js serves beside the contract. A probe has no key; whoever watches or reads the contract is a caller. */
export const GRPC_RULES: Readonly<Record<string, Rule>> = {
  "grpc.health.v1.Health/Check": "anyone",
  "grpc.health.v1.Health/Watch": "caller",
  "grpc.health.v1.Health/List": "caller",
  "grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "caller",
  "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo": "caller",
};

/** Routes as Fastify knows them; HEAD goes with GET. The page's files hold nothing that is not in the repository. */
export const HTTP_RULES: Readonly<Record<string, Rule>> = {
  "POST /v1/chat/completions": "caller",
  "GET /v1/models": "caller",
  "GET /v1/models/*": "caller",
  "GET /metrics": "metrics",
  "GET /healthz": "anyone",
  "GET /readyz": "anyone",
  "POST /admin/session": "caller",
  "DELETE /admin/session": "anyone",
  "GET /admin": "anyone",
  "GET /admin/*": "anyone",
  "GET /admin/assets/:name": "anyone",
};

const BY_SERVICE: ReadonlyMap<string, ServiceRules["rules"]> = new Map(
  SERVICE_RULES.map(({ service, rules }) => [service.typeName, rules]),
);

/** @throws Error when nobody has decided about the method: it is not to be served */
export function ruleOf(method: DescMethod): Rule {
  const rule = BY_SERVICE.get(method.parent.typeName)?.[method.localName];
  if (rule === undefined) throw new Error(`${method.parent.typeName}.${method.name} has no access rule`);
  return rule;
}

/** @throws Error when nobody has decided about the route: it is not to be served */
export function httpRuleOf(verb: string, url: string): Rule {
  const rule = HTTP_RULES[`${verb === "HEAD" ? "GET" : verb} ${url}`];
  if (rule === undefined) throw new Error(`${verb} ${url} has no access rule`);
  return rule;
}
