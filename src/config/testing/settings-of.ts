import type { DescMessage } from "@bufbuild/protobuf";

/**
 * The path of everything in a message that can be set by itself, in the contract's names: "tiers.fast.targets" for the list
 * and its order, "tiers.fast.targets[].model" for what is in it.
 */
export function settingsOf(desc: DescMessage, path = ""): readonly string[] {
  return desc.fields.flatMap((field) => {
    const own = path === "" ? field.name : `${path}.${field.name}`;
    if (field.fieldKind === "list" && field.listKind === "message")
      return [own, ...settingsOf(field.message, `${own}[]`)];
    const isTree = field.fieldKind === "message" && !field.message.typeName.startsWith("google.protobuf.");
    return isTree ? settingsOf(field.message, own) : [own];
  });
}
