import Foundation
import Jinja
import Testing

/// Templates in the shapes of published checkpoints against jinja2 (`scripts/fixtures/make_template.py`).
@Suite struct ShapeTests {
    struct Shapes: Decodable {
        struct Shape: Decodable {
            var name: String
            var template: String
            var tokens: [TableTests.Binding]
            /// One a conversation; missing where the template raises.
            var texts: [String?]
        }
        var conversations: [[TableTests.Binding]]
        var shapes: [Shape]
    }

    @Test func everyShapeIsRenderedAsByJinja2() throws {
        let shapes = try JSONDecoder().decode(Shapes.self, from: TableTests.data("shapes.json"))
        #expect(shapes.shapes.count >= 45)
        for shape in shapes.shapes {
            let template = try Template(shape.template)
            for (conversation, expected) in zip(shapes.conversations, shape.texts) {
                let variables = (shape.tokens + conversation).map { ($0.name, $0.value) }
                do {
                    let text = try template.render(variables, day: TableTests.day).string
                    let isSame = expected.map { text.unicodeScalars.elementsEqual($0.unicodeScalars) } ?? false
                    #expect(isSame, "\(shape.name): \(text.debugDescription), not \(expected.debugDescription)")
                } catch {
                    #expect(expected == nil && error.kind == .raised, "\(shape.name): \(error)")
                }
            }
        }
    }
}
