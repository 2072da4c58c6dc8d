import Checkpoint
package import Reporting
package import Selection
package import Tensors

/// Curves of the reasoning's direction, for people and for programs.
extension ReasoningCurves {
    /// Mean distances and their difference, a row a place and number of tokens.
    package func table() -> Table {
        var table = Table([
            .init("tokens"), .init("place", .left), .init("block"), .init("benign"), .init("malicious"),
            .init("difference"),
        ])
        for point in points {
            table.append([
                "\(point.tokens)", point.place.description, "\(point.layer)", Format.fixed(point.benign, 4),
                Format.fixed(point.malicious, 4), Format.fixed(point.difference, 4),
            ])
        }
        return table
    }

    /// `tokens,place,layer,benign,malicious,difference`: a line a place and number of tokens, in full precision.
    package func csv() -> String {
        let columns = ["tokens", "place", "layer", "benign", "malicious", "difference"]
        var table = Table(columns.map { Table.Column($0, .left) })
        for point in points {
            table.append([
                "\(point.tokens)", point.place.description, "\(point.layer)", "\(point.benign)", "\(point.malicious)",
                "\(point.difference)",
            ])
        }
        return table.csv()
    }

    /// Every place and number of tokens in full precision.
    package var json: JSON {
        let points = points.map { point in
            JSON.object([
                .init("tokens", .integer(point.tokens)), .init("place", .text(point.place.description)),
                .init("layer", .integer(point.layer)), .init("benign", .number(point.benign)),
                .init("malicious", .number(point.malicious)), .init("difference", .number(point.difference)),
            ])
        }
        return .object([.init("prompts", .integer(prompts)), .init("points", .array(points))])
    }
}
