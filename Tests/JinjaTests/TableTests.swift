import Foundation
import Jinja
import Testing

/// Expressions and statements against jinja2 (`scripts/fixtures/make_template.py`).
@Suite struct TableTests {
    struct Table: Decodable {
        struct Case: Decodable {
            var template: String
            /// Missing where jinja2 ends with an error, or prints an address.
            var text: String?
        }
        var variables: [Binding]
        var cases: [Case]
    }

    struct Binding: Decodable {
        var name: String
        var value: Value

        init(from decoder: any Decoder) throws {
            var list = try decoder.unkeyedContainer()
            name = try list.decode(String.self)
            value = try list.decode(Packed.self).value
        }
    }

    /// A value as the script writes it.
    struct Packed: Decodable {
        var value: Value
        private enum Keys: String, CodingKey { case dict, tuple, float }

        init(from decoder: any Decoder) throws {
            if let keyed = try? decoder.container(keyedBy: Keys.self) {
                if let pairs = try keyed.decodeIfPresent([Binding].self, forKey: .dict) {
                    value = .dict(Dict(pairs.map { ($0.name, $0.value) }))
                } else if let items = try keyed.decodeIfPresent([Packed].self, forKey: .tuple) {
                    value = .tuple(items.map(\.value))
                } else {
                    value = .float(Double(try keyed.decode(String.self, forKey: .float)) ?? .nan)
                }
                return
            }
            let single = try decoder.singleValueContainer()
            if single.decodeNil() {
                value = .none
            } else if let flag = try? single.decode(Bool.self) {
                value = .bool(flag)
            } else if let number = try? single.decode(Int.self) {
                value = .int(number)
            } else if let text = try? single.decode(String.self) {
                value = .text(text, from: .user)
            } else {
                value = .list(try single.decode([Packed].self).map(\.value))
            }
        }
    }

    static let day = CalendarDay(year: 2026, month: 11, day: 25)!

    static func data(_ name: String) throws -> Data {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures")
        return try Data(contentsOf: folder.appendingPathComponent(name))
    }

    /// What jinja2 computes and this program refuses by name.
    static let refused = ["{{ cycler }}", "{{ people | groupby('age') }}", "{% block a %}x{% endblock %}"]

    @Test(arguments: ["expressions.json", "statements.json"])
    func everyCaseIsThatOfJinja2(_ name: String) throws {
        let table = try JSONDecoder().decode(Table.self, from: Self.data(name))
        let variables = table.variables.map { ($0.name, $0.value) }
        #expect(table.cases.count > 100)
        for item in table.cases {
            let text: String?
            do { text = try Template(item.template).render(variables, day: Self.day).string } catch {
                text = nil
                #expect(!error.fault.isEmpty && error.line > 0, "\(item.template)")
                #expect(item.text == nil || Self.refused.contains(item.template), "\(item.template): \(error)")
            }
            guard let text else { continue }
            let isSame = item.text.map { text.unicodeScalars.elementsEqual($0.unicodeScalars) } ?? false
            #expect(isSame, "\(item.template): \(text.debugDescription), not \(item.text.debugDescription)")
        }
    }
}
