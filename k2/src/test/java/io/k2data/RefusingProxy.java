package io.k2data;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Stands before an HTTP server, and lets what comes through or not. */
final class RefusingProxy implements AutoCloseable {
    private static final byte[] UNAVAILABLE = ("HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/xml\r\n"
                    + "Content-Length: 57\r\nConnection: close\r\n\r\n"
                    + "<Error><Code>SlowDown</Code><Message>no</Message></Error>")
            .getBytes(StandardCharsets.US_ASCII);

    private final URI behind;
    private final ServerSocket listening;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private volatile Mode mode = Mode.PASS;

    /** What becomes of a request. */
    enum Mode {
        /** It reaches the server. */
        PASS,
        /** It is answered with status 503. */
        UNAVAILABLE,
        /** Its connection is closed. */
        CLOSED
    }

    private RefusingProxy(URI behind, ServerSocket listening) {
        this.behind = behind;
        this.listening = listening;
    }

    static RefusingProxy before(URI server) throws IOException {
        RefusingProxy proxy = new RefusingProxy(server, new ServerSocket(0, 50, InetAddress.getLoopbackAddress()));
        thread("proxy", proxy::accept);
        return proxy;
    }

    URI endpoint() {
        return URI.create("http://localhost:" + listening.getLocalPort());
    }

    /** Changes the mode, also for connections that are open. */
    void mode(Mode next) {
        mode = next;
        open.forEach(RefusingProxy::close);
        open.clear();
    }

    private static void thread(String name, Runnable work) {
        Thread thread = new Thread(work, name);
        thread.setDaemon(true);
        thread.start();
    }

    private void accept() {
        while (!listening.isClosed()) {
            try {
                Socket client = listening.accept();
                open.add(client);
                thread("proxy-connection", () -> serve(client));
            } catch (IOException e) {
                if (!listening.isClosed()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private void serve(Socket client) {
        try {
            switch (mode) {
                case CLOSED -> close(client);
                case UNAVAILABLE -> {
                    if (client.getInputStream().read() >= 0) {
                        client.getOutputStream().write(UNAVAILABLE);
                        client.shutdownOutput();
                        client.getInputStream().transferTo(OutputStream.nullOutputStream());
                    }
                    close(client);
                }
                case PASS -> {
                    Socket server = new Socket(behind.getHost(), behind.getPort());
                    open.add(server);
                    thread("proxy-answers", () -> pump(server, client));
                    pump(client, server);
                }
            }
        } catch (IOException e) {
            close(client);
        }
    }

    private void pump(Socket from, Socket to) {
        try (from;
                to) {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            byte[] buffer = new byte[1 << 16];
            for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                out.write(buffer, 0, read);
            }
        } catch (IOException e) {
            // One of the two is gone, and so the other.
            close(to);
        }
        open.remove(from);
        open.remove(to);
    }

    private static void close(Socket socket) {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() throws IOException {
        listening.close();
        mode(Mode.CLOSED);
    }
}
