"""What the official OpenAI SDK's client for Azure observes."""

import openai

from observe import observe, setting
from observe_openai import scenarios

observe(scenarios(
    lambda: openai.AzureOpenAI(azure_endpoint=setting("AZURE_URL"), api_key=setting("AZURE_KEY"), api_version="2024-10-21",
                               max_retries=0, timeout=30),
    "my-deployment", "my-deployment"))
