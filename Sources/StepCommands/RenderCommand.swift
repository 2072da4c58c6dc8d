package import ArgumentParser
import Console
package import Jinja
import Scheduling
import Tensors

/// Renders Jinja templates, for comparisons with jinja2: JSON lines with `template` and `variables` (name and value, where
/// `{"dict": [[key, value]…]}`, `{"tuple": […]}` and `{"float": "1.5"}` stand for what JSON lacks) on standard input;
/// JSON lines with `text`, or with `error` and `kind`, on standard output.
package struct RenderCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "render", abstract: "Renders Jinja templates for comparisons.", shouldDisplay: false)

    @Option(help: "What strftime_now sees.") package var date = CalendarDay(year: 2026, month: 11, day: 25)!

    package init() {}

    package func run() throws {
        var number = 0
        while let line = readLine() {
            number += 1
            let json: JSON
            do throws(JSONError) { json = try JSON.parse(Array(line.utf8)) } catch {
                throw InputError("standard input:\(number)", error.description)
            }
            Terminal.json(String(decoding: JSON.object(rendered(json)).encoded(), as: UTF8.self))
        }
    }

    private func rendered(_ json: JSON) -> [JSON.Member] {
        let variables = (json["variables"]?.elements ?? []).map { pair in
            (pair.elements?.first?.string ?? "", Self.value(pair.elements?.last ?? .null))
        }
        do throws(JinjaError) {
            let text = try Template(json["template"]?.string ?? "").render(variables, day: date)
            return [.init("text", .text(text.string))]
        } catch {
            return [.init("error", .text(error.description)), .init("kind", .text(error.kind.rawValue))]
        }
    }

    private static func value(_ json: JSON) -> Value {
        switch json {
        case .null: return .none
        case .bool(let flag): return .bool(flag)
        case .integer(let number): return .int(number)
        case .number(let number): return .float(number)
        case .string: return .text(json.string ?? "", from: .user)
        case .array(let elements): return .list(elements.map(value))
        case .object:
            if let items = json["tuple"]?.elements { return .tuple(items.map(value)) }
            if let number = json["float"]?.string.flatMap(Double.init) { return .float(number) }
            return .dict(
                Dict(
                    (json["dict"]?.elements ?? []).map { pair in
                        (pair.elements?.first?.string ?? "", value(pair.elements?.last ?? .null))
                    }))
        }
    }
}
