"""Remakes templates.json: chat templates of the families, and what transformers renders and tokenises with them.

The templates are short ones of our own with the structure of the published ones. Needs: pip install transformers jinja2.
Run in this folder, after make_tokenizers.py: python make_templates.py
"""
import json
import pathlib

from transformers import PreTrainedTokenizerFast

HERE = pathlib.Path(__file__).parent
TURNS = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
         "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")
DEFAULT = ("{% if messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helper, don\\'t worry.<|im_end|>\\n' }}"
           "{% endif %}")
HEADER = "<|start_header_id|>"
LLAMA3 = ("{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
          " + message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}"
          "{% endif %}{{ content }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}")
LLAMA31 = ("{{- bos_token }}{%- if not date_string is defined %}{%- set date_string = \"26 Jul 2024\" %}{%- endif %}"
           "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}"
           "{%- set messages = messages[1:] %}{%- else %}{%- set system_message = \"\" %}{%- endif %}"
           "{{- \"<|start_header_id|>system<|end_header_id|>\\n\\n\" }}"
           "{{- \"Cutting Knowledge Date: December 2023\\n\" }}{{- \"Today Date: \" + date_string + \"\\n\\n\" }}"
           "{{- system_message }}{{- \"<|eot_id|>\" }}"
           "{%- for message in messages %}{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'"
           "+ message['content'] | trim + '<|eot_id|>' }}{%- endfor %}"
           "{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}")
LLAMA2 = ("{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = "
          "messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
          "{% for message in loop_messages %}{% if loop.index0 == 0 and system_message != false %}"
          "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}"
          "{% set content = message['content'] %}{% endif %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% endfor %}")
MISTRAL = ("{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content'] %}"
           "{%- set loop_messages = messages[1:] %}{%- else %}{%- set loop_messages = messages %}{%- endif %}{{- bos_token }}"
           "{%- for message in loop_messages %}{%- if loop.first and system_message is defined %}"
           "{{- 'OPEN' + system_message + '\\n\\n' + message['content'] + 'CLOSE' }}{%- else %}"
           "{{- 'OPEN' + message['content'] + 'CLOSE' }}{%- endif %}{%- endfor %}")
THINK = TURNS[:-len("{% endif %}")] + ("{% if enable_thinking is defined and enable_thinking is false %}"
                                     "{{ '<think>\\n\\n</think>\\n\\n' }}{% endif %}{% endif %}")
TEMPLATES = {
    "chatml": ("smollm", TURNS), "chatml-default": ("smollm", DEFAULT + TURNS), "qwen3": ("qwen2", THINK),
    "chatml-newlines": ("qwen2", (DEFAULT + TURNS).replace("\\n", "\n")),
    "llama-3": ("llama3", LLAMA3), "llama-3.1": ("llama3", LLAMA31), "llama-2": ("llama2", LLAMA2),
    "mistral": ("mistral", MISTRAL.replace("OPEN", " [INST] ").replace("CLOSE", " [/INST]")),
    "mistral-v3": ("mistral", MISTRAL.replace("OPEN", "[INST] ").replace("CLOSE", "[/INST]")),
    "mistral-tekken": ("mistral", MISTRAL.replace("OPEN", "[INST]").replace("CLOSE", "[/INST]")),
}
USERS = ["Hello there", "  two  spaces \n\n", "\n\nWhat's 12345?", "\u65e5\u672c e\u0301 \U0001f600", "def f():\n\treturn 1\n"]


def main():
    result = []
    for name, (tokenizer, template) in TEMPLATES.items():
        bos = "<|endoftext|>" if tokenizer in ("smollm", "qwen2", "llama3") else "<s>"
        tok = PreTrainedTokenizerFast(tokenizer_file=str(HERE / "tokenizers" / f"{tokenizer}.json"), bos_token=bos)
        tok.chat_template = template
        cases = []
        for system in (None, "Be brief. "):
            for user in USERS:
                messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": user}]
                options = dict(add_generation_prompt=True, enable_thinking=False)
                cases.append({
                    "user": user, "system": system, "text": tok.apply_chat_template(messages, tokenize=False, **options),
                    "ids": tok.apply_chat_template(messages, return_dict=False, **options)})
        result.append({"name": name, "tokenizer": tokenizer, "bos": bos, "template": template, "cases": cases})
    (HERE / "templates.json").write_text(json.dumps(result, separators=(",", ":")))


if __name__ == "__main__":
    main()
