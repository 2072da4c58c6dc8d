/// The templates that `--template` has by name, as sources that are executed like a checkpoint's own.
///
/// They are short ones of this project, laid out as the families' published templates.
public enum TemplateFamily: String, Sendable, CaseIterable {
    case chatML = "chatml"
    case llama2 = "llama-2"
    case llama3 = "llama-3"
    case mistral
    case gemma
    /// The text itself, for base models: no template.
    case none

    public static let names = allCases.map(\.rawValue)

    /// Long: five templates, each in one piece.
    var source: String? {
        switch self {
        case .none: nil
        case .chatML:
            """
            {%- for message in messages -%}
            {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
            {%- endfor -%}
            {%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}
            """
        case .llama3:
            """
            {{- bos_token -}}
            {%- for message in messages -%}
            {{- '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim -}}
            {{- '<|eot_id|>' -}}
            {%- endfor -%}
            {%- if add_generation_prompt -%}
            {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
            {%- endif -%}
            """
        case .llama2:
            """
            {%- set ns = namespace(system='') -%}
            {%- for message in messages -%}
            {%- if message.role == 'system' -%}
            {%- set ns.system = '<<SYS>>\\n' + message.content + '\\n<</SYS>>\\n\\n' -%}
            {%- elif message.role == 'user' -%}
            {{- bos_token ~ '[INST] ' ~ (ns.system + message.content).strip() ~ ' [/INST]' -}}
            {%- set ns.system = '' -%}
            {%- else -%}
            {{- ' ' ~ message.content.strip() ~ ' ' ~ eos_token -}}
            {%- endif -%}
            {%- endfor -%}
            """
        case .mistral:
            """
            {{- bos_token -}}
            {%- set ns = namespace(system='') -%}
            {%- for message in messages -%}
            {%- if message.role == 'system' -%}
            {%- set ns.system = message.content + '\\n\\n' -%}
            {%- elif message.role == 'user' -%}
            {{- '[INST] ' + ns.system + message.content + ' [/INST]' -}}
            {%- set ns.system = '' -%}
            {%- else -%}
            {{- ' ' ~ message.content ~ eos_token -}}
            {%- endif -%}
            {%- endfor -%}
            """
        case .gemma:
            """
            {{- bos_token -}}
            {%- set ns = namespace(system='') -%}
            {%- for message in messages -%}
            {%- if message.role == 'system' -%}
            {%- set ns.system = message.content + '\\n\\n' -%}
            {%- else -%}
            {%- set role = 'model' if message.role == 'assistant' else message.role -%}
            {{- '<start_of_turn>' + role + '\\n' + ns.system + message.content | trim + '<end_of_turn>\\n' -}}
            {%- set ns.system = '' -%}
            {%- endif -%}
            {%- endfor -%}
            {%- if add_generation_prompt -%}{{- '<start_of_turn>model\\n' -}}{%- endif -%}
            """
        }
    }
}
