package import FleetIO
import Foundation
import HTTP
package import Keys
import Scheduling
import Synchronization
import Tensors

/// Where the status page is served, and to whom.
package struct StatusPageSettings: Sendable {
    package var host: String
    /// 0: any free one.
    package var port: UInt16
    /// What a viewer has to show; beyond this machine there has to be one.
    package var token: ViewToken?

    package init(host: String = "127.0.0.1", port: UInt16, token: ViewToken? = nil) {
        (self.host, self.port, self.token) = (host, port, token)
    }
}

/// The status page of a run, its JSON and its metrics. It has a thread of its own and reads published snapshots alone, so
/// that whoever looks on costs the fleet nothing.
package final class StatusServer: FleetView {
    package typealias Source = @Sendable () -> (number: UInt64, status: RunStatus)

    private let server: HTTPServer
    private let pages: StatusPages
    private let report: @Sendable (RunOccurrence) -> Void
    package let url: String

    /// - Throws: `FleetError` (usage) where the port is taken, the host is not this machine's, or a token is missing.
    package init(_ settings: StatusPageSettings, report: @escaping @Sendable (RunOccurrence) -> Void) throws {
        let pages = StatusPages(settings, report: report)
        do throws(HTTPError) {
            server = try HTTPServer(host: settings.host, port: settings.port) { pages.answer($0, from: $1) }
        } catch {
            switch error {
            case .inUse:
                throw FleetError(
                    "--status-port \(settings.port): another program listens there already; choose another port, or 0 for any",
                    isUsage: true)
            default:
                throw FleetError(
                    "--status-host \(settings.host), --status-port \(settings.port): \(error)", isUsage: true)
            }
        }
        guard server.isLoopback || settings.token != nil else {
            throw FleetError(
                "--status-host \(settings.host): beyond this machine the status page asks for a view token; "
                    + "give --view-token FILE (faultline keygen makes view.token)", isUsage: true)
        }
        (self.pages, self.report) = (pages, report)
        let isEverywhere = ["0.0.0.0", "::"].contains(server.host)
        let host = isEverywhere ? RunStatus.ownHost : server.host.contains(":") ? "[\(server.host)]" : server.host
        url = "http://\(host):\(server.port)/"
        if !server.isLoopback {
            report(.pageUnencrypted(url: url))
        }
    }

    package func start(_ source: @escaping Source) {
        pages.serve(source)
        server.start()
        report(.pageServed(url: url))
    }

    package func stop() { server.stop() }
}

/// Answers requests; apart from the server, so that it needs no network.
final class StatusPages: Sendable {
    private struct State {
        var source: StatusServer.Source?
        /// The JSON of a snapshot: many viewers cost no more than one.
        var json: (number: UInt64, bytes: [UInt8])?
        /// Addresses that showed a wrong token.
        var refusals = RefusalLog<String>()
    }

    private let settings: StatusPageSettings
    private let report: @Sendable (RunOccurrence) -> Void
    private let state = Mutex(State())

    init(_ settings: StatusPageSettings, report: @escaping @Sendable (RunOccurrence) -> Void) {
        (self.settings, self.report) = (settings, report)
    }

    func serve(_ source: @escaping StatusServer.Source) { state.withLock { $0.source = source } }

    func answer(_ request: HTTPRequest, from peer: String) -> HTTPResponse {
        if let refusal = refusal(of: request, from: peer) { return refusal }
        guard ["/", "/status.json", "/metrics"].contains(request.path) else {
            return .text(404, "there are /, /status.json and /metrics")
        }
        if request.path == "/" {
            return HTTPResponse(
                contentType: "text/html; charset=utf-8",
                headers: [("Content-Security-Policy", Self.policy), ("X-Frame-Options", "DENY")], body: Self.page)
        }
        guard let source = state.withLock({ $0.source }) else { return .text(503, "the run is just starting") }
        let (number, status) = source()
        if request.path == "/metrics" {
            return HTTPResponse(contentType: Metrics.contentType, body: Array(Metrics.text(of: status).utf8))
        }
        return HTTPResponse(contentType: "application/json", body: json(number, status))
    }

    private func json(_ number: UInt64, _ status: RunStatus) -> [UInt8] {
        if let known = state.withLock({ $0.json }), known.number == number { return known.bytes }
        let bytes = [UInt8]((try? status.json()) ?? Data("{}".utf8)) + [10]
        state.withLock { $0.json = (number, bytes) }
        return bytes
    }

    // MARK: Who may look

    private func refusal(of request: HTTPRequest, from peer: String) -> HTTPResponse? {
        guard let token = settings.token else {
            // A page of the web whose name suddenly means this machine must not read what is shown here.
            guard let host = request.headers["host"], isOwn(host) else {
                return .text(403, "ask for it by the address it is served at, or as localhost")
            }
            return nil
        }
        guard let shown = Self.token(in: request.headers["authorization"]) else { return Self.challenge }
        guard token.matches(shown) else {
            let told = state.withLock { $0.refusals.admit(peer, now: Day.now) }
            if told.omitted > 0 { report(.refusalsOmitted(told.omitted)) }
            if told.isTold { report(.wrongToken(peer: peer)) }
            return Self.challenge
        }
        return nil
    }

    private func isOwn(_ host: String) -> Bool {
        var name = host[...]
        if let colon = name.lastIndex(of: ":"), name[name.index(after: colon)...].allSatisfy(\.isNumber) {
            name = name[..<colon]
        }
        return ["localhost", "127.0.0.1", "[::1]", settings.host, "[\(settings.host)]"].contains(name.lowercased())
    }

    /// The password of Basic, which a browser asks for; or what Bearer brings.
    private static func token(in authorization: String?) -> String? {
        guard let words = authorization?.split(separator: " ", maxSplits: 1), words.count == 2 else { return nil }
        switch words[0].lowercased() {
        case "bearer": return String(words[1])
        case "basic":
            guard let data = Data(base64Encoded: String(words[1])) else { return nil }
            let parts = String(decoding: data, as: UTF8.self).split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            return parts.count == 2 ? String(parts[1]) : nil
        default: return nil
        }
    }

    private static var challenge: HTTPResponse {
        var response = HTTPResponse.text(
            401, "the view token is missing or wrong: it is the password here, the user name is free")
        response.headers = [
            ("WWW-Authenticate", "Basic realm=\"faultline status: any user name, the view token as password\"")
        ]
        return response
    }

    // MARK: The page

    static let page: [UInt8] = PackageResources.status_html

    /// The page may run its own script and style, and ask its own server; nothing else.
    private static let policy: String = {
        let text = String(decoding: page, as: UTF8.self)
        func digest(_ tag: String) -> String {
            guard let start = text.range(of: "<\(tag)>"), let end = text.range(of: "</\(tag)>") else { return "'none'" }
            let digits = Array(Digest.sha256(Array(text[start.upperBound..<end.lowerBound].utf8)).utf8)
            let bytes = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(decoding: digits[$0..<$0 + 2], as: UTF8.self), radix: 16)
            }
            return "'sha256-\(Data(bytes).base64EncodedString())'"
        }
        return "default-src 'none'; script-src \(digest("script")); style-src \(digest("style")); "
            + "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    }()
}
