// DynamoDB Local listens on every interface and has no option against it.
import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import org.eclipse.jetty.server.Server;

public class Loopback {
    public static void main(String[] arguments) throws Exception {
        DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(arguments);
        for (var field : DynamoDBProxyServer.class.getDeclaredFields()) {
            if (field.getType() == Server.class) {
                field.setAccessible(true);
                for (var connector : ((Server) field.get(proxy)).getConnectors()) {
                    connector.setHost("127.0.0.1");
                }
            }
        }
        proxy.start();
        proxy.join();
    }
}
