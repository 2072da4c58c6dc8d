/// Reads prompts: a line each, or CSV with a column `goal` (AdvBench), `Behavior` (HarmBench) or `prompt`.
package enum PromptFile {
    static let columns = ["goal", "Behavior", "prompt"]

    /// - Throws: `InputError` with file, line and fault.
    package static func read(_ path: String) throws(InputError) -> [String] {
        let bytes = try TextFile.read(path)
        let prompts =
            path.hasSuffix(".csv")
            ? try csv(bytes, source: path) : TextFile.lines(bytes).map { trimmed($0) }.filter { !$0.isEmpty }
        guard !prompts.isEmpty else { throw InputError(path, "no prompts in this file") }
        return prompts
    }

    private static func csv(_ bytes: [UInt8], source: String) throws(InputError) -> [String] {
        let table = try CSV.table(bytes, source: source)
        guard let column = columns.first(where: table.columns.contains) else {
            throw InputError(
                "\(source):1",
                "no column called \(columns.joined(separator: ", ")); found \(table.columns.joined(separator: ", "))")
        }
        var prompts: [String] = []
        for row in table.rows {
            let prompt = trimmed(row.cells[column] ?? "")
            guard !prompt.isEmpty else { throw InputError("\(source):\(row.line)", "\(column) is empty") }
            prompts.append(prompt)
        }
        return prompts
    }
}
