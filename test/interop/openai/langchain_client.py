"""LangChain's OpenAI chat model, as it comes: asks what agents ask, and prints what it saw as JSON.

Usage: langchain_client.py BASE_URL BROKEN_MODEL SOUND_MODEL
"""

import json
import sys

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def get_weather(city: str) -> str:
    """The weather of a city."""
    return f"4 °C in {city}"


def main() -> None:
    base_url, broken, sound = sys.argv[1:4]

    def model(name: str, **options) -> ChatOpenAI:
        return ChatOpenAI(model=name, base_url=base_url, api_key="any", **options)

    whole = model("auto", temperature=0).invoke("Say hello", config={"metadata": {"x": "y"}})
    chunks = list(model(sound, stream_usage=True).stream("Talk [tokens=9]"))
    streamed = chunks[0]
    for chunk in chunks[1:]:
        streamed += chunk

    asked = HumanMessage("get_weather for two cities [calls=2]")
    agent = model(sound).bind_tools([get_weather], tool_choice="any")
    called = agent.invoke([asked])
    results = [ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]) for call in called.tool_calls]
    answered = model(sound).bind_tools([get_weather]).invoke([asked, called, *results])

    schema = {"title": "place", "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    structured = model(sound).with_structured_output(schema, method="json_schema").invoke("Name a city")

    repaired = model(
        broken, default_headers={"x-modeltier-delivery": "assured"}, extra_body={"models": [sound]}
    ).stream("Talk [tokens=60]")
    print(
        json.dumps(
            {
                "model": whole.response_metadata["model_name"],
                "text": whole.content,
                "inputTokens": whole.usage_metadata["input_tokens"],
                "streamed": streamed.content,
                "pieces": len([chunk for chunk in chunks if chunk.content]),
                "streamedTokens": streamed.usage_metadata["output_tokens"],
                "toolNames": [call["name"] for call in called.tool_calls],
                "toolArguments": [call["args"] for call in called.tool_calls],
                "answered": answered.response_metadata["finish_reason"],
                "structured": structured,
                "repaired": "".join(chunk.content for chunk in repaired),
            }
        )
    )


if __name__ == "__main__":
    main()
