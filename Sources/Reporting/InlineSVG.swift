import Foundation

/// A drawing of gnuplot's as part of a page.
package enum InlineSVG {
    /// Without prolog and gnuplot's own title; its ids made unique; black becomes the page's own colour, so that it reads
    /// on light and dark ground.
    package static func inline(_ document: String, id: String, title: String) -> String? {
        guard let start = document.range(of: "<svg"), let headEnd = document[start.upperBound...].firstIndex(of: ">")
        else { return nil }
        let head =
            document[start.upperBound..<headEnd].split(whereSeparator: { $0.isWhitespace }).isEmpty
            ? "" : String(document[start.upperBound..<headEnd])
        var body = String(document[document.index(after: headEnd)...])
        for element in ["title", "desc"] {
            // gnuplot's come first; there are no others before the drawing.
            if let open = body.range(of: "<\(element)>"), let close = body.range(of: "</\(element)>") {
                body.removeSubrange(open.lowerBound..<close.upperBound)
            }
        }
        for (old, new) in [
            ("id='", "id='\(id)-"), ("id=\"", "id=\"\(id)-"), ("href='#", "href='#\(id)-"), ("url(#", "url(#\(id)-"),
            ("\"black\"", "\"currentColor\""), ("'black'", "'currentColor'"),
        ] { body = body.replacing(old, with: new) }
        let name = HTMLText.escape(title)
        let attributes = "role=\"img\" aria-label=\"\(name)\""
        return "<svg \(attributes) \(flat(head))>" + body.trimmingEnd()
    }

    private static func flat(_ head: String) -> String {
        head.split(whereSeparator: \.isNewline).map { String($0).trimmingEnd() }.joined(separator: " ")
    }
}

extension String {
    func trimmingEnd() -> String {
        var text = self
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
