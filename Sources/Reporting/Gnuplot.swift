import Foundation
import Tensors

/// gnuplot, where it is installed. A report is written without it too.
public struct Gnuplot: Sendable {
    /// Why there is no picture.
    public struct Failure: Error, Equatable, CustomStringConvertible {
        public var description: String

        public init(description: String) { self.description = description }
    }

    /// What a user has to do to get plots.
    public static let advice = "gnuplot is not installed (Debian: apt-get install gnuplot-nox)"

    private let program: String

    /// The first gnuplot in PATH, or in `path`; `nil` where there is none.
    public init?(path: String? = nil) {
        let folders = path ?? ProcessInfo.processInfo.environment["PATH"] ?? ""
        let candidates = folders.split(separator: ":").map { "\($0)/gnuplot" }
        guard let program = candidates.first(where: { Files.isExecutable($0) }) else { return nil }
        self.program = program
    }

    /// Its name and version, as it says itself; `nil` where it does not answer.
    public var version: String? {
        (try? run(["--version"])).map { String($0.prefix { !$0.isNewline }) }
    }

    /// An SVG document of its own.
    /// - Throws: `Failure` where gnuplot refuses the script.
    public func svg(_ figure: Figure) throws -> String {
        let file = "\(NSTemporaryDirectory())/faultline-\(UUID().uuidString).gp"
        defer { Files.removeFile(file) }
        try write(Array(GnuplotScript.script(figure).utf8), to: file)
        let text = try run(["-d", file])
        guard text.contains("</svg>") else { throw Failure(description: "gnuplot drew no picture of \(figure.title)") }
        return text
    }

    private func write(_ bytes: [UInt8], to path: String) throws(Failure) {
        do throws(TensorFileError) { try Files.write(bytes, to: path) } catch {
            throw Failure(description: error.description)
        }
    }

    /// What it prints. Standard error goes to a file: a full pipe would stop it.
    private func run(_ arguments: [String]) throws -> String {
        let log = "\(NSTemporaryDirectory())/faultline-\(UUID().uuidString).log"
        defer { Files.removeFile(log) }
        try write([], to: log)
        guard let errors = FileHandle(forWritingAtPath: log) else {
            throw Failure(description: "\(log): cannot be written")
        }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        // Numbers with a point, whatever the user's language.
        process.environment = ProcessInfo.processInfo.environment.merging(["LC_ALL": "C.UTF-8"]) { $1 }
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        do { try process.run() } catch { throw Failure(description: "\(program) cannot be started") }
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            let text = Files.text(log) ?? ""
            let line = text.split(whereSeparator: \.isNewline).last.map { Format.line(String($0)) } ?? ""
            throw Failure(description: "gnuplot failed: \(line)")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
