Attribute VB_Name = "AutoXeroTell"
Option Explicit

' Every word that a button says.

Private Const PRODUCT As String = "AutoXero"
Private Const MOST_IN_A_BOX As Long = 1000
Private Const MOST_IN_THE_BAR As Long = 200

' A sentence that must be read: in a box, and in the status bar for later.
Public Sub Tell(ByVal message As String)
    Say message
    MsgBox Left$(message, MOST_IN_A_BOX), vbInformation, PRODUCT
End Sub

' A sentence that need not be answered: in the status bar only.
Public Sub Say(ByVal message As String)
    Application.StatusBar = PRODUCT & ": " & Left$(Replace(message, vbLf, " "), MOST_IN_THE_BAR)
End Sub

Public Sub TellFailure(ByVal description As String)
    Tell "This did not work: " & description & vbLf _
        & "Press the button again. If it stays so, make a support bundle (AutoXero, Help)."
End Sub

' Whether the user says Yes. No is what the Enter key chooses.
Public Function IsAgreed(ByVal question As String) As Boolean
    IsAgreed = (MsgBox(question, vbYesNo + vbQuestion + vbDefaultButton2, PRODUCT) = vbYes)
End Function
